// Coroutines that are templates of every kind, generic lambdas, virtual, static, recursive through
// std::function; and co_await in macros.
#include <asyncio/asyncio.hpp>
#include <functional>
#include <memory>
#include <string>

#include "support/check.hpp"

#define AWAIT_INTO(variable, ...) auto variable = co_await (__VA_ARGS__)
#define EXPECT(...)                     \
    do {                                \
        const bool ok_ = (__VA_ARGS__); \
        check(ok_);                     \
    } while (false)
#define REQUIRE_EQUAL(a, b)     \
    do {                        \
        auto&& left_ = (a);     \
        auto&& right_ = (b);    \
        check(left_ == right_); \
    } while (false)

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

// Only parameters that are not types.
template <int N, bool Suspend>
coroutine<int> constant() {
    if constexpr (Suspend) co_await asyncio::sleep(0s);
    co_return N;
}
template <class T>
coroutine<T> identity(T value) {
    const counted local;
    co_await asyncio::sleep(0s);
    co_return value;
}
template <template <class> class C, class T>
coroutine<T> unwrap(C<T> c) {
    co_return co_await std::move(c);
}

template <class T>
class box {
   public:
    explicit box(T value) : value_(std::move(value)) {}
    coroutine<T> get() const { co_return value_; }
    template <class U>
    coroutine<U> as() const {
        co_return static_cast<U>(co_await get());
    }
    static coroutine<box> make(T value) { co_return box(std::move(value)); }

   private:
    T value_;
};

struct shape {
    virtual ~shape() = default;
    virtual coroutine<int> corners() = 0;
};
struct square : shape {
    coroutine<int> corners() override { co_return 4; }
};

coroutine<> program() {
    check(co_await constant<7, false>() == 7);
    check(co_await constant<8, true>() == 8);
    check(co_await identity(std::string(50, 'i')) == std::string(50, 'i'));
    check(co_await unwrap(identity(5)) == 5);
    check(co_await box<int>(3).get() == 3);
    const box<int> b = co_await box<int>::make(4);
    check(co_await b.as<long>() == 4L);
    const std::unique_ptr<shape> s = std::make_unique<square>();
    check(co_await s->corners() == 4);

    const auto generic = [](auto value) -> coroutine<decltype(value)> {
        co_await asyncio::sleep(0s);
        co_return value;
    };
    check(co_await generic(1) == 1);
    check(co_await generic(std::string(50, 'g')) == std::string(50, 'g'));

    const std::function<coroutine<int>(int)> factorial = [&](int n) -> coroutine<int> {
        if (n <= 1) co_return 1;
        const int below = co_await factorial(n - 1);
        co_return n* below;
    };
    check(co_await factorial(6) == 720);

    AWAIT_INTO(value, constant<9, true>());
    EXPECT(value == 9 && co_await constant<1, true>() == 1);
    REQUIRE_EQUAL(co_await identity(std::string(50, 'm')), std::string(50, 'm'));
}

}  // namespace

int main() {
    asyncio::run(program());
    check(counted::alive == 0);
}
