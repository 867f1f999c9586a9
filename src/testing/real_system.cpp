// A program that asks the system for the time, or for a socket, inside a simulation.
#define ASYNCIO_TESTING_INTERPOSE 0  // the library itself replaces nothing
#include <ctime>

#include "asyncio/testing/interpose.hpp"
#include "sys/system_calls.hpp"
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
    sim_world* world = running_world();
    if (world != nullptr && sim_own_code == 0 && is_wall_clock(which) &&
        world->options().wall_clock == testing::wall_clock_use::refused)
        world->simulation_was_left(
            "has read the system's clock inside a simulation, where time is virtual: ask the loop "
            "(get_running_loop().time()), or allow it with simulate_options::wall_clock");
    return system_clock_gettime(which, result);
}

int sim_socket_call(int family, int type, int protocol) noexcept {
    if (sim_world* world = running_world(); world != nullptr && sim_own_code == 0)
        world->simulation_was_left(
            "has opened a socket of the operating system inside a simulation, where the network is "
            "simulated: use open_connection, start_server, or asyncio::socket");
    return system_socket(family, type, protocol);
}

}  // namespace asyncio::detail
