// The reading end of a connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "asyncio/streams/stream_state.hpp"

namespace asyncio {

namespace detail {

/// read() and readexactly().
class [[nodiscard("co_await it")]] read_call final : public read_operation {
   public:
    enum class goal : std::uint8_t { some, everything, exactly };
    read_call(ref<stream_state> s, goal g, std::size_t n) noexcept
        : read_operation(std::move(s)), wanted_(n), goal_(g) {}
    std::string await_resume() {
        check();
        return std::move(result_);
    }

   private:
    bool consume(std::string_view have, bool ended, std::size_t& used) override;
    std::size_t wanted_;
    goal goal_;
    std::string result_;
};

class [[nodiscard("co_await it")]] read_into_call final : public read_operation {
   public:
    read_into_call(ref<stream_state> s, std::span<char> into) noexcept
        : read_operation(std::move(s)), into_(into) {}
    std::size_t await_resume() {
        check();
        return count_;
    }

   private:
    bool consume(std::string_view have, bool ended, std::size_t& used) override;
    [[nodiscard]] std::span<char> target() const noexcept override { return into_; }
    void arrived(std::size_t n) noexcept override { count_ = n; }
    std::span<char> into_;
    std::size_t count_ = 0;
};

/// readuntil() and readline().
class read_until_base : public read_operation {
   public:
    std::string await_resume() {
        check();
        return std::move(result_);
    }

    /// A new search, also if it is awaited again after a cancel.
    bool await_ready() {
        searched_ = 0;
        return read_operation::await_ready();
    }

   protected:
    enum class on_failure : std::uint8_t { keep, drop_line };
    read_until_base(ref<stream_state> s, on_failure f);
    bool search(std::span<const std::string> separators, std::string_view have, bool ended,
                std::size_t& used);
    /// Throws std::invalid_argument for an empty one.
    static void check_separators(std::span<const std::string> separators);

   private:
    bool overrun(std::string_view separator, std::string_view have, std::size_t consumed,
                 const char* why, std::size_t& used);
    std::size_t limit_;
    std::size_t searched_ = 0;  ///< no separator begins before here
    on_failure failure_;
    std::string result_;
};

template <std::size_t N>
class [[nodiscard("co_await it")]] read_until_call final : public read_until_base {
   public:
    read_until_call(ref<stream_state> s, std::array<std::string, N> separators)
        : read_until_base(std::move(s), on_failure::keep), separators_(std::move(separators)) {
        check_separators(separators_);
    }

   private:
    bool consume(std::string_view have, bool ended, std::size_t& used) override {
        return search(separators_, have, ended, used);
    }
    std::array<std::string, N> separators_;
};

class [[nodiscard("co_await it")]] read_line_call final : public read_until_base {
   public:
    explicit read_line_call(ref<stream_state> s)
        : read_until_base(std::move(s), on_failure::drop_line) {}

   private:
    bool consume(std::string_view have, bool ended, std::size_t& used) override;
};

}  // namespace detail

/// Reads bytes from a connection, or from what is fed to it by hand. A handle: copies read from the
/// same stream. One task reads at a time; a second one that would have to wait throws
/// std::runtime_error. Every read suspends only while the data is missing; a cancel consumes
/// nothing. If the connection fails, what had arrived is still read; then std::system_error is
/// thrown. The loop's thread.
class stream_reader {
   public:
    /// The most that readline() and readuntil() look through, unless another limit is given.
    static constexpr std::size_t default_limit = detail::stream_state::default_limit;

    /// A stream without a connection: feed_data() and feed_eof() fill it.
    explicit stream_reader(std::size_t limit = default_limit);
    explicit stream_reader(detail::ref<detail::stream_state> state) noexcept
        : state_(std::move(state)) {}

    /// Reads up to `n` bytes: waits for the first, then takes what is there. Negative: reads
    /// everything up to the end. Gives an empty string at the end, and for 0.
    [[nodiscard]] detail::read_call read(std::ptrdiff_t n = -1) const;
    /// Reads exactly `n` bytes. At the end throws incomplete_read_error with what there was.
    [[nodiscard]] detail::read_call readexactly(std::size_t n) const;
    /// Reads up to and including "\n"; at the end, what is left. A line beyond the limit throws
    /// std::length_error and is dropped as far as it has arrived; readuntil() keeps it.
    [[nodiscard]] detail::read_line_call readline() const {
        return detail::read_line_call(checked());
    }
    /// Reads up to and including a separator; with several, up to the earliest end of one. At the
    /// end throws incomplete_read_error with what there was; beyond the limit limit_overrun_error,
    /// and nothing is taken. Throws std::invalid_argument for an empty separator.
    template <class... Others>
    [[nodiscard]] detail::read_until_call<1 + sizeof...(Others)> readuntil(
        std::string_view separator, const Others&... others) const {
        return {checked(), {std::string(separator), std::string(std::string_view(others))...}};
    }
    [[nodiscard]] detail::read_until_call<1> readuntil() const { return readuntil("\n"); }
    /// Reads into memory that lives until the call has ended: waits for the first byte, then takes
    /// what is there. Gives the count, 0 at the end. Allocates nothing. It writes when it is about
    /// to return, in the task's turn: tasks of one loop that are done with the bytes before they
    /// wait again may share the memory.
    [[nodiscard]] detail::read_into_call read_into(std::span<char> into) const {
        return detail::read_into_call(checked(), into);
    }

    /// True if the end was reached and everything was read. The end is noticed by reading.
    [[nodiscard]] bool at_eof() const { return checked()->at_eof(); }
    /// The error that ended the stream, or null.
    [[nodiscard]] std::exception_ptr exception() const { return checked()->read_error(); }
    /// Ends the stream with an error, which every read from now on throws.
    void set_exception(std::exception_ptr e) const { checked()->fail_reading(std::move(e)); }
    /// Adds bytes, as if they had arrived. Throws std::runtime_error after feed_eof().
    void feed_data(std::string_view data) const { checked()->feed(data); }
    /// Ends the stream: nothing will follow.
    void feed_eof() const { checked()->end_reading(); }

   private:
    /// The state. Throws invalid_state_error if it was moved from.
    [[nodiscard]] const detail::ref<detail::stream_state>& checked() const;
    detail::ref<detail::stream_state> state_;
};

}  // namespace asyncio
