// What docs/cancellation.md says, as a program.
//
// EXPECT-STDOUT: rolled back
// EXPECT-STDOUT: deadline
// EXPECT-STDOUT: closed
// EXPECT-STDOUT: the rest is still there: 5678
// EXPECT-STDOUT: the value was not lost: 7
// EXPECT-STDOUT: cancelled at the next await
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

asyncio::coroutine<> transfer() {
    try {
        co_await asyncio::sleep(1h);
    } catch (const asyncio::cancelled_error&) {
        std::puts("rolled back");
        throw;  // always
    }
}

asyncio::coroutine<> clean_up_that_awaits() {
    const auto outcome = co_await asyncio::as_outcome(asyncio::wait_for(transfer(), 1ms));
    std::puts("deadline");
    co_await asyncio::sleep(1ms);  // not possible inside a catch block
    std::puts("closed");
    if (!outcome.has_value() && !outcome.cancelled()) co_return;  // a timeout_error, for example
    outcome.value();                                              // rethrows a cancel from outside
}

asyncio::coroutine<> reading() {
    const asyncio::stream_reader reader;
    reader.feed_data("5678");
    const auto outcome =
        co_await asyncio::as_outcome(asyncio::wait_for(reader.readexactly(8), 1ms));
    if (outcome.has_value()) co_return;
    const std::string rest = co_await reader.read(100);
    std::printf("the rest is still there: %s\n", rest.c_str());
}

asyncio::coroutine<> take(asyncio::future<int> number) {
    const int value = co_await number;
    std::printf("the value was not lost: %d\n", value);
    co_await asyncio::sleep(1ms);
}

asyncio::coroutine<> the_result_wins() {
    const auto number = asyncio::get_running_loop().create_future<int>();
    const auto taker = asyncio::create_task(take, number);
    co_await asyncio::sleep(1ms);
    number.set_result(7);
    taker.cancel();  // in the same round
    const auto outcome = co_await asyncio::as_outcome(taker);
    if (outcome.cancelled()) std::puts("cancelled at the next await");
}

asyncio::coroutine<> async_main() {
    co_await clean_up_that_awaits();
    co_await reading();
    co_await the_result_wins();
}

int main() { asyncio::run(async_main()); }
