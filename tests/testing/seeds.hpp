// How many seeds a test tries.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "asyncio/testing/interpose.hpp"

/// 1,000 in CI; ASYNCIO_TEST_SEEDS=10000 is the longer command, `./dev simulate`. Fewer where the
/// compiler has not optimised, under sanitizers, too: a schedule that breaks something does so
/// however the code was compiled.
inline std::uint64_t seeds() {
    const char* wanted = std::getenv("ASYNCIO_TEST_SEEDS");
    if (wanted != nullptr) return std::strtoull(wanted, nullptr, 10);
#if defined(ASYNCIO_TESTING_TSAN)
    return 100;
#elif defined(__OPTIMIZE__)
    return 1000;
#else
    return 200;
#endif
}
