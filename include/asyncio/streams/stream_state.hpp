// One connection as its reader and its writers share it: what was read and not yet taken, what was
// written and not yet sent, and who waits.
//
//      received --> unread --> the call that waits        a reader reads only when somebody asks
//      write ---> the system; what it does not take waits in `unsent` and is sent when it can be
//
//      open --close--> closing (sends what is left) --> closed      abort goes straight to closed
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "asyncio/base/exceptions.hpp"
#include "asyncio/base/intrusive.hpp"
#include "asyncio/net/address.hpp"
#include "asyncio/net/io_object.hpp"
#include "asyncio/net/kept_address.hpp"
#include "asyncio/streams/byte_queue.hpp"

namespace asyncio::detail {

class stream_state;

/// A call that takes something out of what was read.
class read_operation : public io_operation {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;

    bool await_ready();
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        suspend(promise_of(h));
    }

    /// Looks at what was read; `ended`: nothing will follow. True: it is over, with a result or an
    /// error, and `used` bytes leave. Throws std::bad_alloc; then nothing was taken.
    virtual bool consume(std::string_view have, bool ended, std::size_t& used) = 0;
    /// Where data may arrive without a detour.
    [[nodiscard]] virtual std::span<char> target() const noexcept { return {}; }
    virtual void arrived(std::size_t) noexcept {}
    inline bool attempt() noexcept override;
    bool look() noexcept final;
    void fail(std::exception_ptr e) noexcept { error_ = std::move(e); }

   protected:
    explicit read_operation(ref<stream_state> s) noexcept : stream_(std::move(s)) {}
    read_operation(read_operation&& o) noexcept : io_operation(o), stream_(std::move(o.stream_)) {}
    ~read_operation() = default;
    [[nodiscard]] const stream_state& stream() const noexcept { return *stream_; }
    /// Throws a cancel or an error.
    void check() {
        check_cancelled();
        if (error_) [[unlikely]]
            std::rethrow_exception(std::move(error_));
    }

   private:
    friend class stream_state;
    void closed() noexcept override { (void)attempt(); }
    void suspend(promise_base& p);
    [[nodiscard]] std::string describe() const override;
    ref<stream_state> stream_;
    std::exception_ptr error_;
};

/// Somebody who waits until enough was sent, or until the connection is closed.
class stream_wait : public wait_node, public list_hook {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        suspend(promise_of(h));
    }
    [[nodiscard]] const cancel_ref* take_cancel() {
        return cancelled_ ? task_->take_cancel() : nullptr;
    }
    void await_resume();

   protected:
    explicit stream_wait(ref<stream_state> s) noexcept : stream_(std::move(s)) {}
    stream_wait(stream_wait&& o) noexcept : wait_node(o), stream_(std::move(o.stream_)) {}
    ~stream_wait() = default;
    ref<stream_state> stream_;
    bool failed_ = false;
    bool cancelled_ = false;

   private:
    friend class stream_state;
    /// Why the wait fails. Once it does it always will.
    [[nodiscard]] virtual std::exception_ptr error() const noexcept = 0;
    /// It waits for the end of the connection, whatever is sent.
    [[nodiscard]] virtual bool waits_for_the_end() const noexcept = 0;
    void suspend(promise_base& p);
    void wake() noexcept;
    bool cancel_wait(task_state_base& t, const cancel_ref&) noexcept override;
    task_state_base* task_ = nullptr;
};

class [[nodiscard("co_await writer.drain()")]] drain_wait final : public stream_wait {
   public:
    explicit drain_wait(ref<stream_state> s) noexcept : stream_wait(std::move(s)) {}
    bool await_ready() noexcept;

   private:
    [[nodiscard]] std::exception_ptr error() const noexcept override;
    [[nodiscard]] bool waits_for_the_end() const noexcept override { return false; }
    [[nodiscard]] std::string describe() const override;
};

class [[nodiscard("co_await writer.wait_closed()")]] closed_wait final : public stream_wait {
   public:
    explicit closed_wait(ref<stream_state> s) noexcept : stream_wait(std::move(s)) {}
    bool await_ready() noexcept;

   private:
    [[nodiscard]] std::exception_ptr error() const noexcept override;
    [[nodiscard]] bool waits_for_the_end() const noexcept override { return true; }
    [[nodiscard]] std::string describe() const override;
};

/// How much a stream takes. Few have limits of their own.
struct stream_limits {
    std::size_t reading = std::size_t(64) * 1024;
    std::size_t high_water = std::size_t(64) * 1024;
    std::size_t low_water = std::size_t(16) * 1024;
};

class stream_state : public io_object, public ready_node {
   public:
    static constexpr std::size_t default_limit = stream_limits().reading;

    /// A connection that open() completes, or (null) a stream that is fed by hand.
    stream_state(event_loop* loop, std::size_t limit);

    // Reading.
    [[nodiscard]] std::size_t limit() const noexcept { return limits().reading; }
    [[nodiscard]] bool at_eof() const noexcept { return ended_ && unread_.empty(); }
    [[nodiscard]] const std::exception_ptr& read_error() const noexcept { return read_error_; }
    void feed(std::string_view data);
    void end_reading() noexcept;
    void fail_reading(std::exception_ptr e) noexcept;
    /// Serves `op` from what was read, and receives up to `tries` times. True: it is over.
    bool serve(read_operation& op, int tries) noexcept;

    // Writing.
    void write(std::span<const const_chunk> chunks);
    void write_eof();
    void close() noexcept;
    void abort() noexcept;
    [[nodiscard]] bool closing() const noexcept { return closing_; }
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.size(); }
    void set_water(std::size_t high, std::size_t low);

    // Handles.
    void add_writer() noexcept { ++writers_; }
    void drop_writer() noexcept {
        if (--writers_ == 0) close();
    }
    void set_peer(const raw_address& peer) noexcept { peer_.keep(peer); }
    [[nodiscard]] raw_address peer() const noexcept;
    /// "reading from 127.0.0.1:80"
    [[nodiscard]] std::string text(const char* what) const;
    [[nodiscard]] std::exception_ptr error(int code, const char* what) const noexcept;

    void on_ready(unsigned events) noexcept override;
    void loop_closed() noexcept override;

   protected:
    /// Goes through the ready queue. False: it is there already.
    bool queue_itself() noexcept;
    virtual void service();
    /// The connection has ended, for the first and only time.
    virtual void connection_ended() noexcept {}

   private:
    friend class read_operation;
    friend class stream_wait;
    friend class drain_wait;
    friend class closed_wait;
    static void run_service(ready_node& n);
    void queue_service() noexcept;
    /// Counts a call that did not have to wait. False: let the others run first.
    bool may_go_on() noexcept;
    bool receive(read_operation& op);
    [[nodiscard]] bool can_receive() const noexcept {
        return readable && is_open() && !ended_ && !read_error_;
    }
    void flush() noexcept;
    void send_eof() noexcept;
    void fail_sending(int code) noexcept;
    void fail_writing(std::exception_ptr e) noexcept;
    void connection_broke() noexcept;
    void finish_close(bool reset) noexcept;
    void wake_drainers() noexcept;

    [[nodiscard]] const stream_limits& limits() const noexcept {
        static constexpr stream_limits usual;
        return limits_ ? *limits_ : usual;
    }
    stream_limits& own_limits() {
        if (!limits_) limits_ = std::make_unique<stream_limits>();
        return *limits_;
    }

    // An idle connection is little more than this object: what only some need is a pointer.
    byte_queue unread_;
    byte_queue unsent_;
    std::exception_ptr read_error_;
    std::exception_ptr write_error_;
    intrusive_list<stream_wait> waits_;
    std::unique_ptr<stream_limits> limits_;  ///< null: the usual ones
    [[no_unique_address]] kept_address peer_;
    std::uint8_t calls_ = 0;  ///< calls that did not have to wait
    bool lingering_ : 1 {};   ///< closing with something unsent: holds a reference to itself
    bool paused_ : 1 {};      ///< above the high water: drain() waits
    bool ended_ : 1 {};       ///< nothing more will be read
    bool broken_ : 1 {};      ///< nothing more can be sent: the next read that would wait fails
    bool eof_wanted_ : 1 {};  ///< nothing more will be written
    bool eof_sent_ : 1 {};
    bool closing_ : 1 {};
    bool closed_ : 1 {};
    std::uint32_t turn_ = 0;  ///< the loop's turn in which `calls_` were made
    std::uint32_t writers_ = 0;
};

bool read_operation::attempt() noexcept { return stream_->serve(*this, 1); }

}  // namespace asyncio::detail
