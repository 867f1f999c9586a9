// Parameters by value, of every kind, are copied into the frame and destroyed once.
#include <asyncio/asyncio.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

coroutine<int> by_value(counted, std::string text, std::vector<std::string> words,
                        std::shared_ptr<int> shared, std::unique_ptr<int> unique) {
    co_await asyncio::sleep(0s);
    co_return static_cast<int>(text.size() + words.size()) + *shared + *unique;
}
coroutine<int> with_defaults(int a, std::string text = std::string(50, 'd'), counted = {}) {
    co_await asyncio::sleep(0s);
    co_return a + static_cast<int>(text.size());
}
coroutine<int> by_reference(const std::string& text, int& n) {
    co_await asyncio::sleep(0s);
    n += 1;
    co_return static_cast<int>(text.size());
}
coroutine<int> unused(std::unique_ptr<int>, counted) { co_return 1; }
coroutine<int> moves_on(std::unique_ptr<int> p) { co_return co_await unused(std::move(p), {}); }

template <class... T>
coroutine<std::size_t> pack(T... values) {
    co_await asyncio::sleep(0s);
    co_return (values.size() + ...);
}

struct object {
    coroutine<int> method(std::string text, counted) const {
        co_await asyncio::sleep(0s);
        co_return static_cast<int>(text.size() + name.size());
    }
    std::string name = std::string(40, 'o');
};

coroutine<> program() {
    const auto shared = std::make_shared<int>(1);
    check(co_await by_value(counted(), std::string(100, 'x'), std::vector<std::string>(3, "word"),
                            shared, std::make_unique<int>(10)) == 114);
    check(shared.use_count() == 1);
    check(co_await with_defaults(1) == 51);
    check(co_await with_defaults(1, "x") == 2);
    int n = 0;
    check(co_await by_reference("a temporary that outlives the await of its expression", n) == 53);
    check(n == 1);
    check(co_await moves_on(std::make_unique<int>(1)) == 1);
    check(co_await pack(std::string(10, 'a'), std::vector<int>(5), std::string(60, 'b')) == 75);
    const object o;
    check(co_await o.method(std::string(30, 'm'), counted()) == 70);
    // Made, but never started: the parameters die all the same.
    auto never = by_value(counted(), "", {}, shared, nullptr);
    check(shared.use_count() == 2);
    never.close();
    check(shared.use_count() == 1);
}

}  // namespace

int main() {
    asyncio::run(program());
    check(counted::alive == 0);
}
