// The floor of the network: epoll by hand. bench_epoll_server PORT echo|http|timeout READ_SIZE
// Edge-triggered, armed once; a read that is short means "drained". All timeouts are equally long,
// so a list in the order of arming is sorted.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "../harness.hpp"
#include "server_main.hpp"

namespace {

constexpr double limit_ns = 5e9;

struct connection {
    int fd;
    std::string unsent;
    double deadline = 0;
    std::list<connection*>::iterator in_order;
};

class server {
   public:
    server(int port, std::string_view mode, std::size_t read_size)
        : http_(mode == "http"), limited_(mode == "timeout"), buffer_(read_size) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        const int on = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_, 4096) != 0) {
            std::perror("bind");
            std::exit(1);
        }
        epoll_ = ::epoll_create1(0);
        watch(listener_, nullptr, EPOLLIN);
    }

    [[noreturn]] void run() {
        epoll_event events[512];
        for (;;) {
            const int n = ::epoll_wait(epoll_, events, 512, time_to_wait());
            if (limited_) now_ = bench::now_ns();
            for (int i = 0; i < n; ++i) {
                auto* c = static_cast<connection*>(events[i].data.ptr);
                if (c == nullptr)
                    accept_all();
                else
                    serve(*c, events[i].events);
            }
            while (!order_.empty() && order_.front()->deadline <= now_) end(*order_.front());
        }
    }

   private:
    void watch(int fd, connection* c, unsigned events) const {
        epoll_event e{};
        e.events = events;
        e.data.ptr = c;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e);
    }
    [[nodiscard]] int time_to_wait() const {
        if (order_.empty()) return -1;
        const double left = order_.front()->deadline - bench::now_ns();
        return left > 0 ? static_cast<int>(left / 1e6) + 1 : 0;
    }
    void accept_all() {
        for (;;) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
            if (fd < 0) return;
            const int on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            auto* c = new connection{fd, {}, 0, {}};
            watch(fd, c, EPOLLIN | EPOLLOUT | EPOLLRDHUP | static_cast<unsigned>(EPOLLET));
            if (limited_) {
                order_.push_back(c);
                c->in_order = std::prev(order_.end());
                c->deadline = now_ + limit_ns;
            }
        }
    }
    void end(connection& c) {
        if (limited_) order_.erase(c.in_order);
        ::close(c.fd);
        delete &c;
    }
    void serve(connection& c, unsigned events) {
        if (!c.unsent.empty()) {
            const auto sent = ::send(c.fd, c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL);
            if (sent > 0) c.unsent.erase(0, static_cast<std::size_t>(sent));
            if (!c.unsent.empty()) return;
        }
        if ((events & ~static_cast<unsigned>(EPOLLOUT)) == 0) return;
        for (;;) {
            const auto n = ::recv(c.fd, buffer_.data(), buffer_.size(), 0);
            if (n < 0 && errno == EAGAIN) return;
            if (n <= 0) return end(c);
            if (limited_) {
                order_.splice(order_.end(), order_, c.in_order);
                c.deadline = now_ + limit_ns;
            }
            const std::string_view answer =
                http_ ? http_answer : std::string_view(buffer_.data(), static_cast<std::size_t>(n));
            const auto sent = ::send(c.fd, answer.data(), answer.size(), MSG_NOSIGNAL);
            const std::size_t went = sent > 0 ? static_cast<std::size_t>(sent) : 0;
            if (went < answer.size()) {
                c.unsent = answer.substr(went);
                return;
            }
            if (static_cast<std::size_t>(n) < buffer_.size() && (events & EPOLLRDHUP) == 0) return;
        }
    }

    bool http_;
    bool limited_;
    std::vector<char> buffer_;
    std::list<connection*> order_;
    double now_ = 0;
    int listener_ = -1;
    int epoll_ = -1;
};

}  // namespace

int main(int argc, char** argv) { return server_main<server>(argc, argv); }
