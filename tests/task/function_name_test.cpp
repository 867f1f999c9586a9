#include "task/function_name.hpp"

#include <gtest/gtest.h>

namespace function_name_test {

using asyncio::detail::readable_name;

TEST(readable_name, drops_the_type_the_parameters_and_what_follows) {
    EXPECT_EQ(readable_name("asyncio::coroutine<int> load(int)"), "load");
    EXPECT_EQ(readable_name("static asyncio::coroutine<std::vector<int> > a::b::run(int) const"),
              "a::b::run");
    EXPECT_EQ(readable_name("coroutine<void> a::{anonymous}::f(void (*)(int))"),
              "a::{anonymous}::f");
    EXPECT_EQ(readable_name("coroutine<void> (anonymous namespace)::f(int)"),
              "(anonymous namespace)::f");
    EXPECT_EQ(readable_name("void f(int (&)[3])"), "f");
}

TEST(readable_name, drops_template_arguments) {
    EXPECT_EQ(readable_name("asyncio::coroutine<T> a::tm(T) [with T = int]"), "a::tm");
    EXPECT_EQ(readable_name("coroutine<T> tm(T) [T = std::function<void (int)>]"), "tm");
    EXPECT_EQ(readable_name("coroutine<void> box<T>::put(T) [with T = int]"), "box<T>::put");
}

TEST(readable_name, knows_operators) {
    EXPECT_EQ(readable_name("asyncio::coroutine<void> a::operator()(int)"), "a::operator()");
    EXPECT_EQ(readable_name("asyncio::coroutine<void> a::operator<(int) const"), "a::operator<");
}

TEST(readable_name, knows_lambdas) {
    EXPECT_EQ(readable_name("m()::<lambda(int)>"), "m()::<lambda(int)>");
    EXPECT_EQ(readable_name("m(m()::_Z1mv.Frame*)::<lambda(auto:44)> mutable [with auto:44 = int]"),
              "m()::<lambda(auto:44)>");
    EXPECT_EQ(readable_name("<lambda()>"), "<lambda()>");
    EXPECT_EQ(readable_name("auto m()::(anonymous class)::operator()(int) const"),
              "m()::(anonymous class)::operator()");
}

TEST(readable_name, gives_back_what_it_does_not_understand) {
    EXPECT_EQ(readable_name("main"), "main");
    EXPECT_EQ(readable_name(""), "");
}

}  // namespace function_name_test
