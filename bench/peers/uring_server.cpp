// The floor of the network on io_uring, by hand: uring_server PORT echo|http|timeout READ_SIZE
// One request per step, a buffer per connection, one system call for all that is ready.
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "server_main.hpp"

namespace {

enum step : std::uint64_t { accepting, receiving, sending, limiting };

struct connection {
    connection(int descriptor, std::size_t size) : fd(descriptor), buffer(size) {}
    int fd;
    std::vector<char> buffer;
    __kernel_timespec limit{5, 0};
    int under_way = 0;
    bool ended = false;
};

class server {
   public:
    server(int port, std::string_view mode, std::size_t read_size)
        : http_(mode == "http"), limited_(mode == "timeout"), read_size_(read_size) {
        listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
        const int on = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        ::setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // it is inherited
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        check(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
        check(::listen(listener_, 4096), "listen");
        io_uring_params p{};
        p.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        p.cq_entries = 8192;
        errno = -::io_uring_queue_init_params(1024, &ring_, &p);
        check(errno == 0 ? 0 : -1, "io_uring");
    }

    [[noreturn]] void run() {
        accept();
        for (;;) {
            ::io_uring_submit_and_wait(&ring_, 1);
            io_uring_cqe* c = nullptr;
            unsigned head = 0;
            unsigned n = 0;
            io_uring_for_each_cqe(&ring_, head, c) {
                ++n;
                completed(c->user_data, c->res, (c->flags & IORING_CQE_F_MORE) != 0);
            }
            ::io_uring_cq_advance(&ring_, n);
        }
    }

   private:
    static void check(int result, const char* what) {
        if (result >= 0) return;
        std::perror(what);
        std::exit(1);
    }
    io_uring_sqe* request(connection* c, step s) {
        if (::io_uring_sq_space_left(&ring_) < 2) ::io_uring_submit(&ring_);  // for a linked pair
        io_uring_sqe* r = ::io_uring_get_sqe(&ring_);
        std::memset(r, 0, sizeof *r);
        requested_ = reinterpret_cast<std::uintptr_t>(c) | s;
        if (c != nullptr) ++c->under_way;
        return r;
    }
    void accept() {
        io_uring_sqe* r = request(nullptr, accepting);
        ::io_uring_prep_multishot_accept(r, listener_, nullptr, nullptr, 0);
        r->user_data = requested_;
    }
    void receive(connection& c) {
        io_uring_sqe* r = request(&c, receiving);
        ::io_uring_prep_recv(r, c.fd, c.buffer.data(), c.buffer.size(), 0);
        r->user_data = requested_;
        if (!limited_) return;
        r->flags |= IOSQE_IO_LINK;
        r = request(&c, limiting);
        ::io_uring_prep_link_timeout(r, &c.limit, 0);
        r->user_data = requested_;
    }
    void send(connection& c, std::string_view what) {
        io_uring_sqe* r = request(&c, sending);
        ::io_uring_prep_send(r, c.fd, what.data(), what.size(), MSG_NOSIGNAL | MSG_WAITALL);
        r->user_data = requested_;
    }
    void completed(std::uint64_t key, int result, bool more) {
        const auto s = static_cast<step>(key & 3);
        if (s == accepting) {
            if (result >= 0) receive(*new connection(result, read_size_));
            if (!more) accept();
            return;
        }
        connection& c = *reinterpret_cast<connection*>(key & ~std::uint64_t{3});
        --c.under_way;
        if (s == receiving && result > 0)
            send(c, http_ ? http_answer
                          : std::string_view(c.buffer.data(), static_cast<std::size_t>(result)));
        else if (s == sending && result > 0)
            receive(c);
        else if (s != limiting)
            c.ended = true;
        if (!c.ended || c.under_way != 0) return;
        ::close(c.fd);
        delete &c;
    }

    bool http_;
    bool limited_;
    std::size_t read_size_;
    io_uring ring_{};
    std::uint64_t requested_ = 0;
    int listener_ = -1;
};

}  // namespace

int main(int argc, char** argv) { return server_main<server>(argc, argv); }
