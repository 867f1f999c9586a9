// A descriptor that the library owns, and the calls that wait for it.
//
// A call is tried first. What would block parks its node, which lives in the awaiting frame. When
// the backend says that it may be tried again, the task is queued, and its turn begins with that:
// what arrives is used while it is warm.
//
//      attempt --would block--> parked --ready--> the task's turn: attempt --> done: it goes on
//                                  |                                  `------> parked
//                                  `---cancel---> the node leaves; nothing was consumed
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "asyncio/base/ref.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task_state.hpp"

namespace asyncio::detail {

class io_object;

/// A call on a socket that somebody awaits.
class io_operation : public wait_node {
   public:
    /// Tries. True: it is over, with a result or an error.
    virtual bool attempt() noexcept = 0;
    /// The socket was closed meanwhile.
    virtual void closed() noexcept = 0;
    bool look() noexcept override {
        if (!attempt()) return false;
        leave();
        return true;
    }
    [[nodiscard]] const cancel_ref* take_cancel() {
        return place_ == &cancelled ? task_->take_cancel() : nullptr;
    }

   protected:
    io_operation() noexcept = default;
    io_operation(const io_operation& o) noexcept : wait_node(o) {}
    ~io_operation() {
        if (place_ != nullptr && place_ != &cancelled) *place_ = nullptr;
    }
    /// Suspends the task. `place` is the socket's slot for this direction.
    void park(promise_base& p, io_operation*& place) noexcept {
        place = this;
        place_ = &place;
        task_ = p.task;
        task_->wait_on(p, *this);
    }
    /// It is awaited, perhaps not for the first time. Throws if another task waits with it.
    void begin() {
        if (place_ == &cancelled) place_ = nullptr;
        if (place_ != nullptr) [[unlikely]]
            throw_awaited_by_two();
    }
    /// Throws the cancel that ended the wait.
    void check_cancelled() {
        if (place_ == &cancelled) [[unlikely]]
            task_->throw_cancel();
    }

   private:
    friend class io_object;
    /// Stands for the place of a call that was cancelled. Never written.
    inline static io_operation* cancelled = nullptr;
    void leave() noexcept {
        *place_ = nullptr;
        place_ = nullptr;
    }
    void wake() noexcept {
        leave();
        task_->wake_to_go_on();
    }
    bool cancel_wait(task_state_base&, const cancel_ref&) noexcept override {
        wake();
        place_ = &cancelled;
        return true;
    }

    io_operation** place_ = nullptr;  ///< set while it is parked
    task_state_base* task_ = nullptr;
};

/// Owns a descriptor, and closes it when nobody refers to it any more or its loop closes. At most
/// one call waits per direction.
class io_object : public io_source, public list_hook, public pooled {
   public:
    /// Has no descriptor yet. Null: it will never have one. Throws std::runtime_error if the loop
    /// is closed.
    explicit io_object(event_loop* loop);
    /// Takes a descriptor over.
    void open(int descriptor) noexcept;

    void add_ref() noexcept { ++refs_; }
    void release() noexcept {
        if (--refs_ == 0) unreferenced();
    }

    [[nodiscard]] bool is_open() const noexcept { return fd >= 0; }
    [[nodiscard]] event_loop& loop() const noexcept { return static_cast<event_loop&>(*loop_); }
    [[nodiscard]] bool has_loop() const noexcept { return static_cast<bool>(loop_); }
    [[nodiscard]] backend& outside() const noexcept { return *loop_->outside; }
    /// The backend watches it from now on. errno or 0. Again: nothing.
    int attach() noexcept { return registered ? 0 : outside().attach(*this); }
    /// Closes the descriptor; those who wait are told. Again: nothing.
    void close_descriptor() noexcept { end_descriptor(&backend::close); }
    /// The same; the peer sees a reset.
    void abort_descriptor() noexcept { end_descriptor(&backend::abort); }
    /// The loop closes: nothing will happen any more.
    virtual void loop_closed() noexcept { close_descriptor(); }

    void on_ready(unsigned events) noexcept override;

    io_operation* reader = nullptr;  ///< who waits to read, accept
    io_operation* writer = nullptr;  ///< who waits to write, connect

   protected:
    virtual ~io_object();
    virtual void unreferenced() noexcept { delete this; }
    [[nodiscard]] std::uint32_t refs() const noexcept { return refs_; }
    /// It goes into the ready queue, which refers to it. False: it is there already.
    [[nodiscard]] bool enter_queue() noexcept;
    /// It was taken out, or its loop closes. The caller has the queue's reference now.
    void leave_queue() noexcept {
        queued_ = false;
        if (!is_open()) list_hook::unlink();
    }
    [[nodiscard]] bool is_queued() const noexcept { return queued_; }
    /// The parked call is over: its task goes on.
    static void finish(io_operation& parked) noexcept { parked.wake(); }
    /// The parked call is tried again when its task's turn comes.
    static void retry(io_operation& parked) noexcept {
        if (!parked.task_->will_look()) parked.task_->wake_to_look();
    }

   private:
    void link() noexcept;
    void end_descriptor(void (backend::*end)(int)) noexcept;

    ref<loop_core> loop_;
    std::uint32_t refs_ = 0;
    bool queued_ = false;
};

/// What the network keeps for a loop.
class network final : public event_loop::slot {
   public:
    static constexpr std::size_t scratch_size = std::size_t(64) * 1024;
    network() : scratch(std::make_unique_for_overwrite<char[]>(scratch_size)) {}
    network(const network&) = delete;
    network& operator=(const network&) = delete;
    /// Ends every socket of the loop.
    ~network() override;
    /// The loop's, made at first use. Throws std::runtime_error if the loop is closed.
    [[nodiscard]] static network& of(event_loop& loop);

    intrusive_list<io_object> objects;  ///< those with a descriptor, or in the ready queue
    std::unique_ptr<char[]> scratch;    ///< where data arrives before its place is known
};

/// Throws a std::system_error: "asyncio: `what`: the system's text".
[[noreturn]] void throw_io_error(int error, const std::string& what);
[[nodiscard]] std::exception_ptr make_io_error(int error, const std::string& what);
/// " at 127.0.0.1:80": for the texts of errors.
[[nodiscard]] std::string peer_text(const raw_address& a);

}  // namespace asyncio::detail
