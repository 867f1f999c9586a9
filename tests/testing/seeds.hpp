// How many seeds a test tries.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "asyncio/testing/interpose.hpp"

/// 1,000 in CI; ASYNCIO_TEST_SEEDS=10000 is the longer command, `./dev simulate`. The thread
/// sanitizer has little to look for in a simulation, which is one thread.
inline std::uint64_t seeds() {
    const char* wanted = std::getenv("ASYNCIO_TEST_SEEDS");
    if (wanted != nullptr) return std::strtoull(wanted, nullptr, 10);
#ifdef ASYNCIO_TESTING_TSAN
    return 100;
#else
    return 1000;
#endif
}
