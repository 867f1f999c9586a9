#include "asyncio/base/config.hpp"

#include <gtest/gtest.h>

namespace config_test {

TEST(config, names_the_version) {
    EXPECT_GE(ASYNCIO_VERSION_MAJOR, 0);
    EXPECT_GE(ASYNCIO_VERSION_MINOR, 0);
    EXPECT_GE(ASYNCIO_VERSION_PATCH, 0);
}

TEST(config, knows_the_compiler) {
#if defined(__clang__) || __GNUC__ >= 13
    EXPECT_EQ(ASYNCIO_GCC12, 0);
#else
    EXPECT_EQ(ASYNCIO_GCC12, 1);
#endif
#if defined(__SANITIZE_ADDRESS__)
    EXPECT_EQ(ASYNCIO_ASAN, 1);
#endif
}

ASYNCIO_THREAD_LOCAL int per_thread = 3;

TEST(config, thread_locals_are_made_without_code) { EXPECT_EQ(per_thread, 3); }

}  // namespace config_test
