#include "asyncio/testing/trace.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace trace_test {

using asyncio::testing::scheduling;
using asyncio::testing::trace;

TEST(trace, survives_being_written) {
    const trace t(42, scheduling::pct, {{3, 1}, {17, 2}});
    const trace read = trace::parse(t.to_string());
    EXPECT_EQ(read, t);
    EXPECT_EQ(read.seed(), 42u);
    EXPECT_EQ(read.strategy(), scheduling::pct);
    EXPECT_EQ(read.decisions().at(1).at, 17u);
    EXPECT_EQ(trace::parse("  " + t.to_string() + "\n"), t);
    EXPECT_EQ(trace::parse(trace().to_string()), trace());
}

std::string refusal(const std::string& text) {
    try {
        (void)trace::parse(text);
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    ADD_FAILURE() << text << " was accepted";
    return {};
}

TEST(trace, refuses_another_version_by_name) {
    const std::string text = refusal("asyncio-trace 0/0.0.9 42 pct 3:1");
    EXPECT_NE(text.find("version 0/0.0.9"), std::string::npos) << text;
    EXPECT_NE(text.find("run the seed again"), std::string::npos) << text;
}

TEST(trace, refuses_what_is_none) {
    EXPECT_NE(refusal("").find("not a trace"), std::string::npos);
    EXPECT_NE(refusal("hello").find("does not begin"), std::string::npos);
    std::string good = trace(1, scheduling::random, {}).to_string();
    EXPECT_NE(refusal(good + " 3").find("'3' is no decision"), std::string::npos);
    EXPECT_NE(refusal(good + " 3:x").find("'x' is no number"), std::string::npos);
    good.resize(good.size() - 6);
    EXPECT_NE(refusal(good + "sleepy").find("no strategy 'sleepy'"), std::string::npos);
}

TEST(scheduling, has_words) {
    EXPECT_EQ(to_string(scheduling::fifo), "fifo");
    EXPECT_EQ(to_string(scheduling::timer_jitter), "timer_jitter");
    EXPECT_EQ(to_string(scheduling::any), "any");
}

}  // namespace trace_test
