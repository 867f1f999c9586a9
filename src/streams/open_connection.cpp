#include "asyncio/streams/open_connection.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <system_error>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/net/resolver.hpp"
#include "asyncio/net/socket.hpp"
#include "asyncio/sync/event.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace {

using detail::ref;
using detail::stream_state;

/// What the attempts have in common. Owned by the coroutine that awaits them.
struct connect_request {
    connect_request(std::string to_host, int to_port, const open_connection_options& o)
        : host(std::move(to_host)),
          port(to_port),
          local_host(o.local_host),
          local_port(o.local_port),
          limit(o.limit),
          family(o.family),
          stagger(o.happy_eyeballs_delay) {}
    std::string host;
    int port;
    std::string local_host;
    int local_port;
    std::size_t limit;
    address_family family;
    delay stagger;
    std::vector<socket_address> locals;  ///< to connect from; empty: any
};

/// A connection, or why not.
struct attempt_result {
    attempt_result(ref<stream_state> s, const socket_address& a) : stream(std::move(s)), to(a) {}
    ref<stream_state> stream;
    socket_address to;
    int error = 0;
    std::string what;  ///< what failed, if it was not the connect
};

/// Opens the socket and gives it its local address.
void prepare(attempt_result& r, const std::vector<socket_address>& locals) {
    detail::backend& outside = r.stream->outside();
    const auto opened = outside.open_socket(r.to.family(), socket_type::stream);
    if (!opened.ok()) {
        r.error = opened.error;
        r.what = "socket";
        return;
    }
    r.stream->open(static_cast<int>(opened.value));
    if (r.to.family() == address_family::unix_domain) return;
    (void)outside.set_option(r.stream->fd, socket_option::no_delay, 1);
    for (const socket_address& local : locals) {
        if (local.family() != r.to.family()) continue;
        (void)outside.set_option(r.stream->fd, socket_option::reuse_address, 1);
        r.error = outside.bind(r.stream->fd, local.raw()).error;
        if (r.error == 0) return;
        r.what = "bind to " + local.to_string();
    }
    if (!locals.empty() && r.error == 0) {
        r.error = EADDRNOTAVAIL;
        r.what = "no local address of this family";
    }
}

coroutine<attempt_result> attempt(event_loop& loop, socket_address to, std::size_t limit,
                                  std::vector<socket_address> locals) {
    attempt_result r(ref<stream_state>(new stream_state(&loop, limit)), to);
    prepare(r, locals);
    if (r.error == 0) {
        const detail::ref<detail::io_object> socket(r.stream.get());
        r.error = co_await detail::connect_operation(socket, to.raw());
        // A Unix socket does not wait while the backlog is full.
        for (auto pause = std::chrono::milliseconds(1); r.error == EAGAIN;
             pause = std::min(pause * 2, std::chrono::milliseconds(50))) {
            co_await sleep(pause);
            r.error = co_await detail::connect_operation(socket, to.raw());
        }
    }
    if (r.error == 0)
        r.stream->set_peer(to.raw());
    else
        r.stream = nullptr;
    co_return r;
}

std::string failure_text(const attempt_result& r) {
    std::string text = r.to.to_string();
    if (!r.what.empty()) text += " (" + r.what + ")";
    return text;
}

/// One error for all: its code is the first one's, its text has every address.
[[noreturn]] void throw_failures(const std::string& target,
                                 const std::vector<attempt_result>& failures) {
    const attempt_result& first = failures.front();
    std::string text = "cannot connect to " + target;
    if (failures.size() == 1) {
        if (failure_text(first) != target) text += ", address " + failure_text(first);
    } else {
        text += " by any of its addresses";
        for (const attempt_result& f : failures)
            text += "\n  - " + failure_text(f) + ": " + std::generic_category().message(f.error);
        text += "\n  the first error";
    }
    detail::throw_io_error(first.error, text);
}

/// IPv6 and IPv4 in turn, beginning with the family of the first.
std::vector<socket_address> interleave(const std::vector<address_info>& found) {
    std::vector<socket_address> first;
    std::vector<socket_address> others;
    for (const address_info& a : found)
        (a.family == found.front().family ? first : others).push_back(a.address);
    std::vector<socket_address> result;
    for (std::size_t i = 0; i < std::max(first.size(), others.size()); ++i) {
        if (i < first.size()) result.push_back(first[i]);
        if (i < others.size()) result.push_back(others[i]);
    }
    return result;
}

/// Several attempts at once, staggered. It lives in the frame that awaits them all.
class connect_race {
   public:
    connect_race(event_loop& loop, const connect_request& request,
                 std::vector<socket_address> addresses)
        : loop_(loop), request_(request), addresses_(std::move(addresses)) {}
    connect_race(const connect_race&) = delete;
    connect_race& operator=(const connect_race&) = delete;
    ~connect_race() { timer_.cancel(); }

    coroutine<attempt_result> run(std::string target) {
        std::exception_ptr interrupted;
        try {
            while (!over() && (next_ < addresses_.size() || running_ > 0)) {
                if (next_ < addresses_.size()) start(addresses_[next_++]);
                co_await news();
            }
        } catch (...) {
            interrupted = std::current_exception();
        }
        // Nobody may go on that refers to this frame.
        next_ = addresses_.size();
        for (const auto& t : tasks_) t.cancel("another address was faster");
        while (running_ > 0) {
            try {
                co_await news();
            } catch (...) {
                interrupted = std::current_exception();
            }
        }
        if (interrupted) std::rethrow_exception(interrupted);
        if (winner_) co_return std::move(*winner_);
        if (failure_) std::rethrow_exception(failure_);
        throw_failures(target, failures_);
    }

   private:
    void start(const socket_address& to) {
        tasks_.push_back(loop_.create_task(attempt(loop_, to, request_.limit, request_.locals)));
        tasks_.back().add_done_callback([this](const future<attempt_result>& f) { ended(f); });
        ++running_;
    }
    void ended(const future<attempt_result>& f) {
        --running_;
        news_.set();
        if (f.cancelled()) return;  // it lost
        try {
            attempt_result& r = f.result();
            if (r.error != 0)
                failures_.push_back(std::move(r));
            else if (!winner_)
                winner_.emplace(std::move(r));
        } catch (...) {
            failure_ = std::current_exception();
        }
    }
    /// Waits until an attempt has ended, or the next one may begin.
    detail::event_awaiter news() {
        news_.clear();
        timer_.cancel();
        if (!over() && next_ < addresses_.size() && !request_.stagger.is_forever())
            timer_ = loop_.call_later(request_.stagger, [this] { news_.set(); });
        return news_.wait();
    }
    [[nodiscard]] bool over() const noexcept { return winner_ || failure_; }

    event_loop& loop_;
    const connect_request& request_;
    std::vector<socket_address> addresses_;
    std::vector<task<attempt_result>> tasks_;
    std::vector<attempt_result> failures_;
    std::optional<attempt_result> winner_;
    std::exception_ptr failure_;  ///< of an attempt that could not even be made
    event news_{"an address that answers"};
    timer_handle timer_;
    std::size_t next_ = 0;
    std::size_t running_ = 0;
};

connection make_connection(ref<stream_state> s) {
    stream_reader reader(s);
    return {std::move(reader), stream_writer(std::move(s))};
}

coroutine<connection> connect(connect_request request) {
    event_loop& loop = get_running_loop();
    if (request.host.empty())
        throw std::invalid_argument(
            "asyncio: open_connection: the host is empty; this machine is \"localhost\"");
    (void)detail::check_port("open_connection", request.port);
    if (!request.local_host.empty() || request.local_port != 0) {
        (void)detail::check_port("open_connection: local_port", request.local_port);
        const getaddrinfo_options passive{.family = request.family, .passive = true};
        const auto locals =
            co_await loop.getaddrinfo(request.local_host, request.local_port, passive);
        for (const address_info& a : locals) request.locals.push_back(a.address);
    }
    const getaddrinfo_options wanted{.family = request.family};
    const auto found = co_await loop.getaddrinfo(request.host, request.port, wanted);
    std::vector<socket_address> addresses = interleave(found);
    const bool bracketed = request.host.find(':') != std::string::npos;
    std::string target =
        (bracketed ? "[" + request.host + "]" : request.host) + ":" + std::to_string(request.port);
    if (addresses.size() == 1) {
        attempt_result r = co_await attempt(loop, addresses[0], request.limit, request.locals);
        if (r.error != 0) {
            std::vector<attempt_result> failures;
            failures.push_back(std::move(r));
            throw_failures(target, failures);
        }
        co_return make_connection(std::move(r.stream));
    }
    connect_race race(loop, request, std::move(addresses));
    attempt_result r = co_await race.run(std::move(target));
    co_return make_connection(std::move(r.stream));
}

coroutine<connection> connect_unix(std::string path, std::size_t limit) {
    event_loop& loop = get_running_loop();
    const socket_address to = socket_address::unix_path(path);
    std::vector<socket_address> locals;
    attempt_result r = co_await attempt(loop, to, limit, std::move(locals));
    if (r.error != 0) {
        std::vector<attempt_result> failures;
        failures.push_back(std::move(r));
        throw_failures(to.to_string(), failures);
    }
    co_return make_connection(std::move(r.stream));
}

}  // namespace

coroutine<connection> open_connection(std::string host, int port, open_connection_options options) {
    return connect(connect_request(std::move(host), port, options));
}

coroutine<connection> open_unix_connection(std::string path, open_unix_connection_options options) {
    return connect_unix(std::move(path), options.limit);
}

}  // namespace asyncio
