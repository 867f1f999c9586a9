// A program that asks the system for the time inside a simulation.
#include <ctime>

#include "asyncio/testing/interpose.hpp"
#include "sys/system_clock.hpp"
#include "testing/sim_world.hpp"

namespace asyncio::detail {

namespace {

/// Time that passes outside the program; not the processor time that it uses.
bool is_wall_clock(int which) noexcept {
    return which == CLOCK_REALTIME || which == CLOCK_MONOTONIC || which == CLOCK_MONOTONIC_RAW ||
           which == CLOCK_REALTIME_COARSE || which == CLOCK_MONOTONIC_COARSE ||
           which == CLOCK_BOOTTIME;
}

}  // namespace

int sim_clock_gettime(int which, void* result) noexcept {
    if (sim_world* world = running_world();
        world != nullptr && sim_own_code == 0 && is_wall_clock(which))
        world->wall_clock_was_read();
    return system_clock_gettime(which, result);
}

}  // namespace asyncio::detail
