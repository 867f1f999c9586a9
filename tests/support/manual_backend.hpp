// An outside without an outside: its clock stands still until the loop waits, then it jumps to the
// deadline. A loop that would wait for ever is a mistake of the test.
#pragma once

#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/sys/backend.hpp"

namespace support {

using namespace asyncio;

class manual_backend final : public detail::backend {
   public:
    std::string name() const override { return "manual"; }
    time_point now() noexcept override {
        ++clock_reads;
        return now_;
    }
    void poll(delay timeout) override {
        polls.push_back(timeout);
        now_ += takes;
        if (on_poll) on_poll();
        for (const auto& [s, events] : std::exchange(happened, {})) s->on_ready(events);
        if (std::exchange(woken, false) || timeout.nanoseconds().count() <= 0) return;
        if (timeout.is_forever()) throw std::logic_error("the loop would wait for ever");
        now_ = timeout.after(now_);
    }
    /// Lets time pass while something runs.
    void advance(std::chrono::nanoseconds d) noexcept { now_ += d; }
    void wake() noexcept override { woken = true; }
    int fileno() noexcept override { return -1; }
    void arm_fileno(time_point when) noexcept override { armed_for = when; }
    std::uint64_t random() noexcept override { return ++drawn; }
    bool picks() const noexcept override { return picks_last; }
    std::size_t pick(std::size_t ready) noexcept override { return ready - 1; }
    int watch(detail::io_source& s, unsigned events) noexcept override {
        watched[&s] = events;
        return 0;
    }
    int attach(detail::io_source&) noexcept override { return 0; }
    void detach(detail::io_source&) noexcept override {}

    // There are no sockets here.
    using result = detail::sys_result;
    using source = detail::io_source;
    using address = detail::raw_address;
    static constexpr result none{-1, ENOSYS};
    result open_socket(address_family, socket_type) noexcept override { return none; }
    result open_pair(socket_type, int (&)[2]) noexcept override { return none; }
    result connect(source&, const address&) noexcept override { return none; }
    result connect_result(source&) noexcept override { return none; }
    result bind(int, const address&) noexcept override { return none; }
    result listen(int, int) noexcept override { return none; }
    result accept(source&, address&) noexcept override { return none; }
    result recv(source&, void*, std::size_t) noexcept override { return none; }
    result send(source&, std::span<const detail::const_chunk>) noexcept override { return none; }
    result recv_from(source&, void*, std::size_t, address&) noexcept override { return none; }
    result send_to(source&, const void*, std::size_t, const address&) noexcept override {
        return none;
    }
    result shutdown(int, bool, bool) noexcept override { return none; }
    void close(int) noexcept override {}
    void abort(int) noexcept override {}
    result local_address(int, address&) noexcept override { return none; }
    result peer_address(int, address&) noexcept override { return none; }
    result get_option(int, socket_option) noexcept override { return none; }
    result set_option(int, socket_option, int) noexcept override { return none; }
    result socket_file(const char*, detail::file_identity&) noexcept override { return none; }
    result remove_file(const char*) noexcept override { return none; }

    std::chrono::nanoseconds takes{0};  ///< what passes during each poll
    std::function<void()> on_poll;      ///< what the world does meanwhile
    std::size_t clock_reads = 0;
    std::vector<delay> polls;  ///< how long each poll was allowed to wait
    std::vector<std::pair<detail::io_source*, unsigned>> happened;  ///< what the next poll tells
    std::map<detail::io_source*, unsigned> watched;
    time_point armed_for{};
    bool woken = false;
    bool picks_last = false;  ///< the newest of the ready runs first
    std::uint64_t drawn = 0;

   private:
    time_point now_{std::chrono::hours(1)};
};

/// A loop over a manual_backend, which stays visible.
class manual_loop {
   public:
    explicit manual_loop(bool picks_last = false) {
        auto b = std::make_unique<manual_backend>();
        b->picks_last = picks_last;
        outside = b.get();
        loop = make_loop(std::move(b));
    }
    event_loop* operator->() const { return loop.get(); }
    event_loop& operator*() const { return *loop; }

    manual_backend* outside;
    std::unique_ptr<event_loop> loop;
};

/// What the exception handler of a loop was told.
class reports {
   public:
    explicit reports(event_loop& loop) {
        loop.set_exception_handler([this](event_loop&, const exception_context& c) {
            all.push_back(c);
            text += c.message + "|" + c.task_name + "|" +
                    (c.exception ? detail::describe(c.exception) : "") + "|" + c.details + "\n";
        });
    }
    reports(const reports&) = delete;
    reports& operator=(const reports&) = delete;
    [[nodiscard]] bool contains(std::string_view words) const {
        return text.find(words) != std::string::npos;
    }

    std::vector<exception_context> all;
    std::string text;
};

}  // namespace support
