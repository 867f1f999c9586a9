#include "asyncio/executor/process_archive.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cereal/types/memory.hpp>
#include <cereal/types/variant.hpp>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "executor/process_functions.hpp"

namespace process_archive_test {

using asyncio::detail::process_reader;
using asyncio::detail::process_writer;
using asyncio::detail::receive;
using asyncio::detail::send;
using asyncio::detail::sendable;

template <class T>
std::string written(const T& value) {
    process_writer counter;
    send(counter, value);
    std::string bytes(counter.size(), '\0');
    process_writer to(bytes.data(), bytes.size());
    send(to, value);
    EXPECT_EQ(to.size(), counter.size());
    return bytes;
}

template <class To, class T>
To round_trip(const T& value) {
    const std::string bytes = written(value);
    process_reader from(bytes);
    To result{};
    receive(from, result);
    from.finish();
    return result;
}
template <class T>
void expect_round_trip(const T& value) {
    EXPECT_EQ(round_trip<T>(value), value);
}

enum class colour : unsigned char { red, green };

TEST(process_archive, carries_values) {
    expect_round_trip(7);
    expect_round_trip(true);
    expect_round_trip('c');
    expect_round_trip(-1.5L);
    expect_round_trip(colour::green);
    expect_round_trip(std::string("text with a \0 in it", 19));
    expect_round_trip(std::vector<int>{});
    expect_round_trip(std::vector<bool>{true, false, true});
    expect_round_trip(std::vector<std::vector<std::string>>{{"a"}, {}, {"b", "c"}});
    expect_round_trip(std::array<double, 3>{1, 2, 3});
    expect_round_trip(std::map<int, std::optional<std::string>>{{1, "one"}, {2, std::nullopt}});
    expect_round_trip(std::tuple<int, std::pair<char, double>>{1, {'x', 2}});
    expect_round_trip(sent::point{1, 2});
    expect_round_trip(std::variant<int, std::string>("or text"));
    EXPECT_EQ(*round_trip<std::unique_ptr<int>>(std::make_unique<int>(5)), 5);
}

TEST(process_archive, makes_strings_of_text) {
    EXPECT_EQ(round_trip<std::string>("literal"), "literal");
    EXPECT_EQ(round_trip<std::string>(std::string_view("view")), "view");
    const char* const no_text = nullptr;
    EXPECT_THROW(written(no_text), std::invalid_argument);
}

TEST(process_archive, carries_functions_by_their_place) {
    using function = int (*)(int, int);
    EXPECT_EQ(round_trip<function>(sent::add), &sent::add);
    const std::string bytes = written(function(sent::add));
    EXPECT_EQ(bytes.find("add"), std::string::npos);  // no name
}

TEST(process_archive, needs_no_bytes_for_a_bare_callable) {
    EXPECT_EQ(written([](int x) { return x; }), "");
}

TEST(process_archive, knows_what_can_be_sent) {
    int number = 1;
    const auto captures = [number] { return number; };
    static_assert(!sendable<decltype(captures)>);
    static_assert(!sendable<int*>);
    static_assert(!sendable<std::vector<int*>>);
    static_assert(!sendable<std::string_view>);
    static_assert(!sendable<std::map<int, std::vector<const char*>>>);
    static_assert(!sendable<std::tuple<int, std::reference_wrapper<int>>>);
    static_assert(sendable<std::map<int, std::vector<sent::point>>>);
    static_assert(sendable<int (*)(double)>);
    EXPECT_EQ(captures(), 1);
}

/// Its load reads less than its save has written, or more.
struct careless {
    int number = 0;
    template <class Archive>
    void save(Archive& archive) const {
        archive(number, number);
    }
    template <class Archive>
    void load(Archive& archive) {
        for (int i = 0; i < wanted; ++i) archive(number);
    }
    static inline int wanted = 0;
};

std::string error_of_reading(int wanted) {
    careless::wanted = wanted;
    try {
        (void)round_trip<careless>(careless());
    } catch (const std::runtime_error& e) {
        return e.what();
    }
    return "no error";
}

TEST(process_archive, says_so_if_save_and_load_do_not_fit) {
    EXPECT_NE(error_of_reading(1).find("has more bytes than were read"), std::string::npos);
    EXPECT_NE(error_of_reading(3).find("has other bytes than were written"), std::string::npos);
    EXPECT_EQ(error_of_reading(2), "no error");
    char room[4];
    process_writer to(room, sizeof room);
    EXPECT_THROW(to(std::int64_t{1}), std::runtime_error);
}

}  // namespace process_archive_test
