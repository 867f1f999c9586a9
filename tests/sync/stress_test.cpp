// Random puts, gets, cancels and nowait calls: what goes in comes out, once, and nobody waits for
// something that is there. ASYNCIO_TEST_SEED=N repeats a run.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include "asyncio/sync/lock.hpp"
#include "asyncio/sync/queue.hpp"
#include "asyncio/sync/semaphore.hpp"
#include "room.hpp"

namespace stress_test {

using namespace room;
using asyncio::queue;

unsigned seed() {
    const char* given = std::getenv("ASYNCIO_TEST_SEED");
    const unsigned s = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                                        : std::random_device()();
    std::printf("ASYNCIO_TEST_SEED=%u\n", s);
    return s;
}

using item = std::unique_ptr<int>;

/// Many tasks on one queue, and the count of what they did.
template <class Q>
class exchange {
   public:
    exchange(std::size_t maxsize, unsigned random_seed) : queue_(maxsize), random_(random_seed) {}

    coroutine<> play(int steps) {
        for (int i = 0; i < steps; ++i) {
            act();
            if (pick(3) == 0) co_await rounds(pick(3));
            if (pick(50) == 0) co_await check_nobody_waits_in_vain();
        }
        co_await drain();
        EXPECT_EQ(in_, out_) << "every item that was put was got, once";
        EXPECT_EQ(refused_ + static_cast<int>(in_.size()), next_);
    }

   private:
    int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

    void act() {
        switch (pick(9)) {
            case 0:
            case 1:
                ++refused_;  // until it is in
                puts_.push_back(create_task(put(*this, next_++)));
                break;
            case 2:
            case 3:
                gets_.push_back(create_task(get(*this)));
                break;
            case 4:
                if (!puts_.empty()) puts_[random_() % puts_.size()].cancel();
                break;
            case 5:
            case 6:
                if (!gets_.empty()) gets_[random_() % gets_.size()].cancel();
                break;
            case 7:
                if (queue_.full()) break;
                ++in_[next_];
                queue_.put_nowait(std::make_unique<int>(next_++));
                break;
            default:
                if (!queue_.empty()) ++out_[*queue_.get_nowait()];
        }
    }

    static coroutine<> put(exchange& self, int value) {
        co_await self.queue_.put(std::make_unique<int>(value));
        --self.refused_;
        ++self.in_[value];
    }
    static coroutine<> get(exchange& self) {
        const item got = co_await self.queue_.get();
        ++self.out_[*got];
    }

    coroutine<> check_nobody_waits_in_vain() {
        const auto done = [](const task<>& t) { return t.done(); };
        co_await rounds(static_cast<int>(puts_.size() + gets_.size()) + 3);  // an item a round
        std::erase_if(puts_, done);
        std::erase_if(gets_, done);
        EXPECT_TRUE(gets_.empty() || queue_.empty());
        EXPECT_TRUE(puts_.empty() || queue_.full());
    }

    coroutine<> drain() {
        for (;;) {
            co_await check_nobody_waits_in_vain();
            if (!queue_.empty()) {
                ++out_[*queue_.get_nowait()];
            } else if (!gets_.empty()) {
                gets_.back().cancel();
            } else {
                EXPECT_TRUE(puts_.empty());
                co_return;
            }
        }
    }

    Q queue_;
    std::mt19937 random_;
    std::vector<task<>> puts_;
    std::vector<task<>> gets_;
    std::map<int, int> in_;
    std::map<int, int> out_;
    int next_ = 0;
    int refused_ = 0;
};

TEST(queue_stress, loses_and_doubles_no_item) {  // S144, S145
    const unsigned s = seed();
    const auto by_value = [](const item& a, const item& b) { return *a < *b; };
    for (unsigned i = 0; i < 40; ++i) {
        const std::size_t maxsize = 1 + i % 5;
        exchange<queue<item>> fifo(maxsize, s + i);
        asyncio::run(fifo.play(500));
        exchange<asyncio::lifo_queue<item>> lifo(maxsize, s + i);
        asyncio::run(lifo.play(200));
        exchange<asyncio::priority_queue<item, decltype(by_value)>> sorted(maxsize, s + i);
        asyncio::run(sorted.play(200));
        if (testing::Test::HasFailure()) FAIL() << "in round " << i << " of seed " << s;
    }
}

/// Takes and gives back, and is cancelled at any moment.
template <class L>
coroutine<> visit(L& l, int& inside, int limit, int for_rounds) {
    const auto place = co_await l.scoped_acquire();
    ++inside;
    EXPECT_LE(inside, limit);
    std::exception_ptr cancel;
    try {
        co_await rounds(for_rounds);
    } catch (...) {
        cancel = std::current_exception();
    }
    --inside;
    if (cancel) std::rethrow_exception(cancel);
}

template <class L>
coroutine<> crowd(L& l, int limit, unsigned random_seed) {
    std::mt19937 random(random_seed);
    std::vector<task<>> tasks;
    int inside = 0;
    for (int i = 0; i < 1500; ++i) {
        const auto n = random() % 6;
        if (n < 3)
            tasks.push_back(create_task(visit<L>, std::ref(l), std::ref(inside), limit,
                                        static_cast<int>(random() % 3)));
        else if (n < 5 && !tasks.empty())
            tasks[random() % tasks.size()].cancel();
        if (random() % 2 == 0) co_await asyncio::sleep(0s);
    }
    for (auto& t : tasks) {
        const std::string how = co_await ending(t);
        EXPECT_TRUE(how == "done" || how == "cancelled: ") << how;
    }
    EXPECT_EQ(inside, 0);
    EXPECT_FALSE(l.locked());
}

TEST(lock_stress, is_never_held_twice_and_never_lost) {  // S134, S135
    const unsigned s = seed();
    for (unsigned i = 0; i < 10; ++i) {
        asyncio::lock l;
        asyncio::run(crowd(l, 1, s + i));
    }
}

TEST(semaphore_stress, never_has_more_inside_than_places_and_loses_none) {  // S140, S141
    const unsigned s = seed();
    for (unsigned i = 0; i < 10; ++i) {
        const int places = static_cast<int>(1 + i % 4);
        asyncio::bounded_semaphore l(places);
        asyncio::run(crowd(static_cast<asyncio::semaphore&>(l), places, s + i));
        EXPECT_EQ(l.describe(), "a semaphore with " + std::to_string(places) + " free");
    }
}

}  // namespace stress_test
