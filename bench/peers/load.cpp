// The load generator: bench_load PORT SERVER_PID echo|churn|idle|http|count CONNECTIONS SIZE
// One thread, one request in flight per connection. Prints what a message cost the server, CPU
// nanoseconds of all its threads by the scheduler's own account (idle: resident bytes per
// connection), and the rate and delays that clients saw. count: says "ready" once every connection
// has had an answer, waits for a line, and prints how many messages there were between then and the
// next line: for those who count something else meanwhile.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "../harness.hpp"

namespace {

constexpr double warm_up_ns = 0.15e9;
constexpr double measured_ns = 0.7e9;
constexpr std::string_view http_request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

void check(long result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

/// What the server's threads have run so far.
double server_cpu_ns(const std::string& pid) {
    double total = 0;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
        std::ifstream file(thread.path() / "schedstat");
        double ran = 0;
        if (file >> ran) total += ran;
    }
    return total;
}

double server_bytes(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/statm");
    double total = 0;
    double resident = 0;
    file >> total >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

int open_connection(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    check(fd, "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
    const int on = 1;
    check(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt");
    check(::fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
    return fd;
}

struct connection {
    int fd = -1;
    std::size_t to_send = 0;     ///< of the request in flight
    std::size_t to_receive = 0;  ///< of its answer
    double since = 0;
};

class generator {
   public:
    generator(int port, std::string pid, std::string mode, std::size_t connections,
              std::size_t size)
        : port_(port),
          pid_(std::move(pid)),
          churn_(mode == "churn"),
          idle_(mode == "idle"),
          count_(mode == "count"),
          request_(mode == "http" ? std::string(http_request) : std::string(size, 'x')),
          answer_size_(size),
          all_(connections) {
        epoll_ = ::epoll_create1(0);
        check(epoll_, "epoll_create1");
        if (mode == "http") answer_size_ = learn_answer();
        received_.resize(std::max<std::size_t>(answer_size_, 65536));
    }

    void run() {
        const double before = server_bytes(pid_);
        for (std::size_t i = 0; i < all_.size(); ++i) begin(i);
        if (idle_) return run_idle(before);
        if (count_) return run_count();
        run_for(warm_up_ns);
        delays_.clear();
        const double cpu = server_cpu_ns(pid_);
        const double start = bench::now_ns();
        run_for(measured_ns);
        const double took = bench::now_ns() - start;
        const double used = server_cpu_ns(pid_) - cpu;
        const auto messages = static_cast<double>(delays_.size());
        if (delays_.empty()) throw std::runtime_error("the server answered nothing");
        std::sort(delays_.begin(), delays_.end());
        const auto percentile = [&](double p) {
            return delays_[static_cast<std::size_t>(p * (messages - 1))] / 1000;
        };
        std::printf("{\"figure\": %.0f, \"rate\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
                    used / messages, messages / took * 1e9, percentile(0.5), percentile(0.99));
    }

   private:
    /// Every connection has had one answer, and waits.
    void run_idle(double before) {
        while (delays_.size() < all_.size()) step(false);
        const double each = (server_bytes(pid_) - before) / static_cast<double>(all_.size());
        std::printf("{\"figure\": %.0f}\n", each);
    }
    void answer_all() {
        for (const std::size_t wanted = delays_.size() + all_.size(); delays_.size() < wanted;)
            step(false);
    }
    void run_count() {
        constexpr std::size_t rounds = 60;
        answer_all();
        std::puts("ready");
        std::fflush(stdout);
        if (std::getchar() == EOF) throw std::runtime_error("nobody counts");
        delays_.clear();
        for (std::size_t round = 0; round < rounds; ++round) {
            for (std::size_t i = 0; i < all_.size(); ++i) ask(all_[i], i);
            answer_all();
        }
        std::printf("{\"figure\": %zu}\n", delays_.size());
        std::fflush(stdout);
        (void)std::getchar();
    }
    void run_for(double ns) {
        for (const double end = bench::now_ns() + ns; bench::now_ns() < end;) step(true);
    }
    std::size_t learn_answer() const {
        const int fd = open_connection(port_);
        check(::fcntl(fd, F_SETFL, 0), "fcntl");
        check(::send(fd, request_.data(), request_.size(), MSG_NOSIGNAL), "send");
        std::string answer;
        for (;;) {
            char part[4096];
            const auto n = ::recv(fd, part, sizeof part, 0);
            check(n, "recv");
            if (n == 0) throw std::runtime_error("the server closed instead of answering");
            answer.append(part, static_cast<std::size_t>(n));
            const auto head = answer.find("\r\n\r\n");
            const auto length = answer.find("Content-Length: ");
            if (head == std::string::npos || length == std::string::npos) continue;
            ::close(fd);
            return head + 4 + std::stoul(answer.substr(length + 16));
        }
    }
    void begin(std::size_t i) {
        connection& c = all_[i];
        c.since = bench::now_ns();
        c.fd = open_connection(port_);
        epoll_event e{};
        e.events = EPOLLIN;
        e.data.u64 = i;
        check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &e), "epoll_ctl");
        ask(c, i);
    }
    void ask(connection& c, std::size_t i) {
        c.to_send = request_.size();
        c.to_receive = answer_size_;
        send_more(c, i);
    }
    void send_more(connection& c, std::size_t i) {
        const bool was_whole = c.to_send == request_.size();
        const auto sent =
            ::send(c.fd, request_.data() + request_.size() - c.to_send, c.to_send, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) check(sent, "send");
        if (sent > 0) c.to_send -= static_cast<std::size_t>(sent);
        if (c.to_send == 0 && was_whole) return;
        epoll_event e{};  // the rest when there is room, or nothing any more
        e.events = c.to_send != 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;
        e.data.u64 = i;
        check(::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &e), "epoll_ctl");
    }
    void step(bool ask_again) {
        epoll_event events[256];
        const int n = ::epoll_wait(epoll_, events, 256, 100);
        if (n < 0 && errno != EINTR) check(n, "epoll_wait");
        for (int k = 0; k < n; ++k) {
            const std::size_t i = events[k].data.u64;
            connection& c = all_[i];
            if (c.to_send != 0 && (events[k].events & EPOLLOUT) != 0) send_more(c, i);
            if ((events[k].events & ~static_cast<unsigned>(EPOLLOUT)) != 0)
                receive(c, i, ask_again);
        }
    }
    void receive(connection& c, std::size_t i, bool ask_again) {
        const auto n = ::recv(c.fd, received_.data(), received_.size(), 0);
        if (n < 0 && errno == EAGAIN) return;
        check(n, "recv");
        if (n == 0) throw std::runtime_error("the server closed a connection");
        c.to_receive -= std::min(c.to_receive, static_cast<std::size_t>(n));
        if (c.to_receive != 0) return;
        const double now = bench::now_ns();
        delays_.push_back(now - c.since);
        c.since = now;
        if (churn_) {
            ::close(c.fd);
            begin(i);
        } else if (ask_again) {
            ask(c, i);
        }
    }

    int port_;
    std::string pid_;
    bool churn_;
    bool idle_;
    bool count_;
    std::string request_;
    std::size_t answer_size_;
    std::vector<connection> all_;
    std::vector<char> received_;
    std::vector<double> delays_;
    int epoll_ = -1;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        std::fprintf(stderr,
                     "usage: %s PORT SERVER_PID echo|churn|idle|http|count CONNECTIONS SIZE\n",
                     argv[0]);
        return 2;
    }
    try {
        generator(std::atoi(argv[1]), argv[2], argv[3], std::strtoul(argv[4], nullptr, 10),
                  std::strtoul(argv[5], nullptr, 10))
            .run();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
        return 1;
    }
}
