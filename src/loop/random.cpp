#include "asyncio/loop/random.hpp"

#include "asyncio/loop/event_loop.hpp"

namespace asyncio {

random_source::result_type random_source::operator()() const {
    return get_running_loop().outside->random();
}

}  // namespace asyncio
