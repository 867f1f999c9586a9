#include "sys/code_place.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace code_place_test {

using asyncio::detail::code_place;
using asyncio::detail::find_code;
using asyncio::detail::load_code;

int function() { return 1; }

template <class F>
const void* address_of(F* f) {
    return reinterpret_cast<const void*>(f);
}

TEST(code_place, leads_back_to_the_function) {
    code_place place;
    ASSERT_TRUE(find_code(address_of(&function), place));
    EXPECT_EQ(place.path, "");  // the program itself
    std::string problem;
    EXPECT_EQ(load_code(place, problem), address_of(&function));
    ASSERT_TRUE(find_code(address_of(&std::malloc), place));
    EXPECT_EQ(load_code(place, problem), address_of(&std::malloc));
    EXPECT_EQ(problem, "");
}

TEST(code_place, is_only_for_code_of_a_module) {
    code_place place;
    static int data = 0;
    EXPECT_FALSE(find_code(&data, place));
    EXPECT_FALSE(find_code(nullptr, place));
}

TEST(code_place, is_not_found_in_another_program) {
    code_place place;
    ASSERT_TRUE(find_code(address_of(&function), place));
    place.build_id += "other";
    std::string problem;
    EXPECT_EQ(load_code(place, problem), nullptr);
    EXPECT_EQ(problem, "the worker runs another program");
}

TEST(code_place, is_not_found_outside_of_its_module) {
    code_place place;
    ASSERT_TRUE(find_code(address_of(&function), place));
    place.offset = ~place.offset;
    std::string problem;
    EXPECT_EQ(load_code(place, problem), nullptr);
}

TEST(code_place, says_why_a_module_cannot_be_loaded) {
    const code_place place{"/nowhere/libnothing.so", "id", 0};
    std::string problem;
    EXPECT_EQ(load_code(place, problem), nullptr);
    EXPECT_NE(problem.find("/nowhere/libnothing.so"), std::string::npos) << problem;
}

}  // namespace code_place_test
