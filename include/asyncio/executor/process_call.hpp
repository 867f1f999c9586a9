// A call that another process makes: what does not depend on its types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "asyncio/base/delay.hpp"
#include "asyncio/base/intrusive.hpp"
#include "asyncio/base/ref.hpp"
#include "asyncio/executor/concurrent_future.hpp"

namespace asyncio {

/// What becomes of a call that runs when nobody waits for it any more.
enum class cancelled_call : unsigned char {
    kill,    ///< its process is killed and replaced
    run_on,  ///< it runs to its end, and its result is discarded, as in a thread
};

/// What a call may use, and what a cancel does to it.
struct process_call_options {
    /// CPU time of its process, all threads together, counted in steps of the kernel's clock (some
    /// milliseconds). A call that uses more is ended: broken_process_pool.
    delay cpu_time = delay::forever();
    /// Bytes that it may allocate beyond what its process has. Above it throws std::bad_alloc.
    std::size_t memory = std::numeric_limits<std::size_t>::max();
    cancelled_call on_cancel = cancelled_call::kill;
};

namespace detail {

class process_pool;
struct process_parcel;

/// A call as the worker sees it.
class process_job {
   public:
    explicit process_job(std::span<const char> arguments) noexcept : arguments_(arguments) {}
    /// The serialised callable and arguments.
    [[nodiscard]] std::span<const char> arguments() const noexcept { return arguments_; }
    /// Everything has been read: from now on the limits hold.
    virtual void begin() = 0;
    /// They hold no more.
    virtual void end() noexcept = 0;
    /// The place for `size` bytes of result. Throws std::length_error over the pool's limit.
    virtual char* reply(std::size_t size) = 0;

   protected:
    ~process_job() = default;

   private:
    std::span<const char> arguments_;
};

/// Reads the arguments, calls, and writes the result; runs in the worker.
using process_stub = void (*)(process_job&);

/// A call as the pool sees it, from submit() to its end.
class process_call : public list_hook {
   public:
    process_call(std::shared_ptr<process_pool> where, const process_call_options& how);
    process_call(const process_call&) = delete;
    process_call& operator=(const process_call&) = delete;
    virtual ~process_call();

    /// Memory for the serialised callable and arguments. Throws std::length_error over the pool's
    /// limit, std::invalid_argument if the code is in no loaded module.
    char* request(process_stub stub, std::size_t size);
    /// Hands it to the pool. `loop` (may be null) will await its end, else it comes by a thread.
    void start(event_loop* loop);

    /// For the pool.
    virtual concurrent_state_base& state() noexcept = 0;
    virtual void read_result(std::span<const char> bytes) = 0;
    const process_call_options options;
    std::unique_ptr<process_parcel> parcel;

   protected:
    /// It was cancelled.
    void drop() noexcept;

   private:
    std::shared_ptr<process_pool> pool_;
};

/// A function as it is sent: a module and an offset in it.
[[nodiscard]] std::size_t size_of_code(const void* address);
char* write_code(char* to, const void* address);
/// Throws std::runtime_error if this process cannot find it.
const void* read_code(std::span<const char>& from);

[[noreturn]] void throw_bytes_missing();
[[noreturn]] void throw_bytes_left();
[[noreturn]] void throw_null_string();

}  // namespace detail
}  // namespace asyncio
