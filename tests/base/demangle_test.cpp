#include "base/demangle.hpp"

#include <gtest/gtest.h>

namespace demangle_test {

using asyncio::detail::demangle;
using asyncio::detail::without_frame;

TEST(demangle, gives_names_as_cpp_writes_them) {
    EXPECT_EQ(demangle("_ZN3net5serveEi"), "net::serve(int)");
    EXPECT_EQ(demangle("main"), "main");
}

TEST(demangle, names_a_coroutine_by_its_function) {
    EXPECT_EQ(without_frame("net::serve(serve(int)::_Z5servei.Frame*) [clone .actor]"),
              "net::serve(int)");
    EXPECT_EQ(without_frame("serve(serve(void (*)(int))::_Z5serveP.Frame*)::<lambda()>"),
              "serve(void (*)(int))::<lambda()>");
    EXPECT_EQ(without_frame("box<void (int)>::open(open()::_ZN3box4openEv.Frame*)"),
              "box<void (int)>::open()");
    EXPECT_EQ(without_frame("main::{lambda()#1}"), "main::{lambda()#1}");
    EXPECT_EQ(without_frame("odd(x.Frame*)"), "odd(x.Frame*)");
}

}  // namespace demangle_test
