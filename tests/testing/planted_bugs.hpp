// Small programs with one bug each, and their repaired twins. Each passes a plain run, because the
// bug needs an interleaving, a delay or a fault that a plain run does not have.
#pragma once

#include <string_view>

#include "asyncio/task/coroutine.hpp"
#include "asyncio/testing/network.hpp"

namespace planted {

struct bug {
    std::string_view name;
    asyncio::coroutine<> (*buggy)();
    asyncio::coroutine<> (*fixed)();
    /// Several hosts: it has no plain run outside a simulation, and meets these faults inside.
    bool distributed;
    asyncio::testing::network_options network;
};

enum version : unsigned char { buggy, fixed };

/// What limits in time are multiplied with: in a plain run, on a machine with other things to do,
/// nothing takes so long.
inline int patience = 1;
/// Nobody breaks the network: how the distributed ones are tried by hand.
inline bool network_is_quiet = false;

extern const bug lost_wakeup;
extern const bug check_then_act;
extern const bug lock_order;
extern const bug forgotten_cleanup;
extern const bug double_release;
extern const bug retry_storm;
extern const bug split_brain;
extern const bug message_lost_on_reconnect;
extern const bug item_lost_on_cancel;
extern const bug leak_on_timeout;

}  // namespace planted
