#include "asyncio/executor/process_errors.hpp"

#include <gtest/gtest.h>

#include <any>
#include <asyncio/process_pool.hpp>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "executor/process_functions.hpp"
#include "executor/process_protocol.hpp"

namespace process_errors_test {

using asyncio::process_pool_executor;
using asyncio::remote_error;

/// Says what went wrong, and nothing else.
struct no_such_page : std::runtime_error {
    explicit no_such_page(const std::string& what) : std::runtime_error(what) {}
};
/// Brings its own data.
struct bad_cell : std::exception {
    int row = 0;
    int column = 0;
    bad_cell() = default;
    bad_cell(int r, int c) : row(r), column(c) {}
    [[nodiscard]] const char* what() const noexcept override { return "bad cell"; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(row, column);
    }
};
struct unknown : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class E>
void throw_text(const std::string& text) {
    throw E(text);
}
template <class E>
void throw_plain() {
    throw E();
}
void throw_system_error() {
    throw std::system_error(ENOENT, std::generic_category(), "opening the map");
}
void throw_int() { throw 7; }
void throw_cell() { throw bad_cell(3, 4); }
void throw_cancelled() { throw asyncio::cancelled_error("by myself"); }

template <class E>
std::string round_trip(process_pool_executor& pool, const std::string& text) {
    try {
        pool.submit(&throw_text<E>, text).result();
    } catch (const E& e) {
        EXPECT_EQ(typeid(e), typeid(E));
        return e.what();
    }
    return "no exception";
}

TEST(process_errors, brings_standard_exceptions_back_as_themselves) {
    process_pool_executor pool(1);
    EXPECT_EQ(round_trip<std::logic_error>(pool, "l"), "l");
    EXPECT_EQ(round_trip<std::invalid_argument>(pool, "i"), "i");
    EXPECT_EQ(round_trip<std::domain_error>(pool, "d"), "d");
    EXPECT_EQ(round_trip<std::length_error>(pool, "le"), "le");
    EXPECT_EQ(round_trip<std::out_of_range>(pool, "o"), "o");
    EXPECT_EQ(round_trip<std::runtime_error>(pool, "r"), "r");
    EXPECT_EQ(round_trip<std::range_error>(pool, ""), "");
    EXPECT_EQ(round_trip<std::overflow_error>(pool, "ov"), "ov");
    EXPECT_EQ(round_trip<std::underflow_error>(pool, "u"), "u");
    EXPECT_EQ(round_trip<asyncio::timeout_error>(pool, "late"), "late");
    EXPECT_THROW(pool.submit(&throw_plain<std::bad_alloc>).result(), std::bad_alloc);
    EXPECT_THROW(pool.submit(&throw_plain<std::bad_any_cast>).result(), std::bad_any_cast);
    EXPECT_THROW(pool.submit(&throw_plain<asyncio::queue_empty>).result(), asyncio::queue_empty);
}

TEST(process_errors, brings_the_code_of_a_system_error) {
    process_pool_executor pool(1);
    try {
        pool.submit(throw_system_error).result();
        ADD_FAILURE();
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
        EXPECT_STREQ(e.what(), "opening the map: No such file or directory");
    }
}

TEST(process_errors, brings_a_cancel) {
    process_pool_executor pool(1);
    const auto call = pool.submit(throw_cancelled);
    try {
        call.result();
        ADD_FAILURE();
    } catch (const asyncio::cancelled_error& e) {
        EXPECT_EQ(e.message(), "by myself");
    }
    EXPECT_TRUE(call.cancelled());
}

TEST(process_errors, brings_registered_exceptions_as_themselves) {
    asyncio::register_exception<no_such_page>();
    asyncio::register_exception<bad_cell>();
    process_pool_executor pool(1);
    EXPECT_EQ(round_trip<no_such_page>(pool, "/map"), "/map");
    try {
        pool.submit(throw_cell).result();
        ADD_FAILURE();
    } catch (const bad_cell& e) {
        EXPECT_EQ(e.row, 3);
        EXPECT_EQ(e.column, 4);
    }
}

TEST(process_errors, brings_others_as_remote_errors_with_type_and_text) {
    process_pool_executor pool(1);
    try {
        pool.submit(&throw_text<unknown>, std::string("what: it said")).result();
        ADD_FAILURE();
    } catch (const remote_error& e) {
        EXPECT_NE(e.type().find("unknown"), std::string::npos) << e.type();
        EXPECT_EQ(e.message(), "what: it said");
        EXPECT_EQ(e.what(), e.type() + ": what: it said");
    }
    try {
        pool.submit(throw_int).result();
        ADD_FAILURE();
    } catch (const remote_error& e) {
        EXPECT_EQ(e.type(), "int");
        EXPECT_EQ(e.message(), "7");
    }
    EXPECT_STREQ(remote_error("some_type", "").what(), "some_type");
}

TEST(process_errors, hands_a_remote_error_on_as_it_is) {
    const auto error = std::make_exception_ptr(remote_error("one::type", "and text"));
    const std::string bytes = asyncio::detail::pack_exception(error);
    try {
        std::rethrow_exception(asyncio::detail::unpack_exception(bytes));
    } catch (const remote_error& e) {
        EXPECT_EQ(e.type(), "one::type");
        EXPECT_EQ(e.message(), "and text");
    }
}

TEST(process_errors, says_so_if_only_the_other_process_knows_the_type) {
    const std::string bytes("\7\0\0\0\0\0\0\0unknown", 15);
    try {
        std::rethrow_exception(asyncio::detail::unpack_exception(bytes));
    } catch (const remote_error& e) {
        EXPECT_EQ(e.type(), "unknown");
    }
}

}  // namespace process_errors_test
