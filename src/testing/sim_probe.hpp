// Which code is the program's and which is the simulation's own: only the former's allocations are
// counted, made to fail, and must be freed; only the former must not read the wall clock.
#pragma once

#include <utility>

#include "asyncio/base/config.hpp"
#include "asyncio/loop/loop_core.hpp"

namespace asyncio::detail {

/// How deep the simulation's own code is nested; the program runs while it is 0.
extern ASYNCIO_THREAD_LOCAL unsigned sim_own_code;

/// The simulation's own code, until the end of the scope.
class sim_pause {
   public:
    sim_pause() noexcept { ++sim_own_code; }
    sim_pause(const sim_pause&) = delete;
    sim_pause& operator=(const sim_pause&) = delete;
    ~sim_pause() { --sim_own_code; }
};

/// The program's code, until the end of the scope.
class sim_resume {
   public:
    sim_resume() noexcept : before_(sim_own_code) { sim_own_code = 0; }
    sim_resume(const sim_resume&) = delete;
    sim_resume& operator=(const sim_resume&) = delete;
    ~sim_resume() { sim_own_code = before_; }

   private:
    unsigned before_;
};

/// Another running loop, or none, until the end of the scope.
class running_loop_scope {
   public:
    explicit running_loop_scope(loop_core* loop) noexcept
        : before_(std::exchange(running_loop, loop)), in_turn_(std::exchange(loop_of_turn, loop)) {}
    running_loop_scope(const running_loop_scope&) = delete;
    running_loop_scope& operator=(const running_loop_scope&) = delete;
    ~running_loop_scope() {
        loop_of_turn = in_turn_;
        running_loop = before_;
    }

   private:
    loop_core* before_;
    loop_core* in_turn_;
};

}  // namespace asyncio::detail
