// Which interface to the kernel a loop uses: by option, by environment, or epoll.
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

#include "asyncio/asyncio.hpp"

namespace backend_choice_test {

using asyncio::backend_choice;
using asyncio::new_event_loop;

/// What the environment says, for as long as it lives.
class environment {
   public:
    explicit environment(const char* value) {
        if (const char* before = std::getenv(name)) before_ = before;
        set(value);
    }
    environment(const environment&) = delete;
    environment& operator=(const environment&) = delete;
    ~environment() { set(before_ ? before_->c_str() : nullptr); }

   private:
    static constexpr const char* name = "ASYNCIO_BACKEND";
    static void set(const char* value) {
        if (value != nullptr)
            ::setenv(name, value, 1);
        else
            ::unsetenv(name);
    }
    std::optional<std::string> before_;
};

std::string name_of(backend_choice choice) {
    return new_event_loop({.backend = choice})->backend();
}

/// io_uring, or why not.
void expect_io_uring(const std::string& name) {
    EXPECT_TRUE(name == "io_uring" || name.starts_with("epoll (io_uring refused: ")) << name;
}

TEST(backend_choice, by_option) {
    const environment nothing(nullptr);
    EXPECT_EQ(name_of(backend_choice::epoll), "epoll");
    expect_io_uring(name_of(backend_choice::io_uring));
    EXPECT_EQ(name_of(backend_choice::automatic), "epoll");
    EXPECT_EQ(new_event_loop()->backend(), "epoll");
}

TEST(backend_choice, by_environment) {
    const environment epoll("epoll");
    EXPECT_EQ(name_of(backend_choice::automatic), "epoll (chosen by ASYNCIO_BACKEND)");
    EXPECT_EQ(name_of(backend_choice::epoll), "epoll");
    expect_io_uring(name_of(backend_choice::io_uring));
    const environment uring("io_uring");
    expect_io_uring(name_of(backend_choice::automatic));
    EXPECT_EQ(name_of(backend_choice::epoll), "epoll") << "an option wins";
    for (const char* value : {"automatic", ""}) {
        const environment any(value);
        EXPECT_EQ(name_of(backend_choice::automatic), "epoll");
    }
}

TEST(backend_choice, says_what_the_environment_may_say) {
    const environment wrong("kqueue");
    try {
        (void)new_event_loop();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::invalid_argument& e) {
        EXPECT_STREQ(e.what(),
                     "asyncio: the environment says ASYNCIO_BACKEND=kqueue; it may be automatic, "
                     "epoll or io_uring");
    }
    EXPECT_EQ(name_of(backend_choice::epoll), "epoll") << "nobody asked the environment";
}

}  // namespace backend_choice_test
