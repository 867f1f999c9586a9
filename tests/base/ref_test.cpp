#include "asyncio/base/ref.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace ref_test {

struct thing {
    void add_ref() noexcept { ++refs; }
    void release() noexcept { --refs; }
    int refs = 0;
};

using asyncio::detail::ref;

TEST(ref, counts_its_copies) {
    thing t;
    {
        const ref<thing> a(&t);
        EXPECT_EQ(t.refs, 1);
        ref<thing> b = a;
        EXPECT_EQ(t.refs, 2);
        EXPECT_TRUE(a == b);
        ref<thing> c = std::move(b);
        EXPECT_EQ(t.refs, 2);
        EXPECT_FALSE(b);
        c = nullptr;
        EXPECT_EQ(t.refs, 1);
        EXPECT_EQ(a.get(), &t);
        EXPECT_EQ(&*a, &t);
        EXPECT_EQ(a->refs, 1);
    }
    EXPECT_EQ(t.refs, 0);
}

TEST(ref, assigns_to_itself) {
    thing t;
    ref<thing> a(&t);
    const ref<thing>& same = a;
    a = same;
    EXPECT_EQ(t.refs, 1);
}

TEST(ref, takes_over_and_gives_away) {
    thing t;
    t.refs = 1;
    ref<thing> a = ref<thing>::adopt(&t);
    EXPECT_EQ(t.refs, 1);
    EXPECT_EQ(a.detach(), &t);
    EXPECT_FALSE(a);
    EXPECT_EQ(t.refs, 1);
}

TEST(ref, may_be_empty) {
    const ref<thing> none;
    const ref<thing> null(nullptr);
    EXPECT_FALSE(none);
    EXPECT_TRUE(none == null);
}

}  // namespace ref_test
