#define ASYNCIO_TESTING_INTERPOSE 0  // the library itself replaces nothing
#include "testing/allocations.hpp"

#include <cstdlib>
#include <new>
#include <utility>

#include "asyncio/testing/interpose.hpp"
#include "testing/call_stack.hpp"
#include "testing/sim_probe.hpp"

namespace asyncio::detail {

namespace {

ASYNCIO_THREAD_LOCAL allocation_tracker* tracker_of_thread = nullptr;

void* plain_new(std::size_t size) {
    for (;;) {
        if (void* p = std::malloc(size != 0 ? size : 1)) return p;
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc();
        handler();
    }
}

}  // namespace

void* sim_new(std::size_t size) {
    if (tracker_of_thread != nullptr && sim_own_code == 0)
        return tracker_of_thread->allocate_new(size);
    return plain_new(size);
}

void* sim_new_nothrow(std::size_t size) noexcept {
    try {
        return sim_new(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void sim_delete(void* p) noexcept {
    if (tracker_of_thread != nullptr && p != nullptr) tracker_of_thread->forget(p);
    std::free(p);
}

allocation_tracker::allocation_tracker(std::uint64_t fail_at) : fail_at_(0) {
    const unsigned own = std::exchange(sim_own_code, 0);
    tracker_of_thread = this;
    ::operator delete(::operator new(1));
    interposed_ = made_ > 0;
    made_ = 0;
    sim_own_code = own;
    fail_at_ = fail_at;
    outer_ = set_allocation_probe(this);
}

allocation_tracker::~allocation_tracker() {
    set_allocation_probe(outer_);
    tracker_of_thread = nullptr;
}

void allocation_tracker::count(std::size_t) {
    ++made_;
    if (made_ != fail_at_ && made_ != watched_) return;
    if (watched_ == 0 || made_ == watched_) {
        const sim_pause own;
        place_ = current_calls();
    }
    if (made_ == fail_at_) throw std::bad_alloc();
}

void allocation_tracker::remember(void* p, std::size_t size) {
    const sim_pause own;
    busy_ = true;
    live_[p] = {made_, size};
    busy_ = false;
}

void* allocation_tracker::allocate_new(std::size_t size) {
    count(size);
    void* p = plain_new(size);
    remember(p, size);
    return p;
}

void* allocation_tracker::allocate(std::size_t size) {
    if (interposed_ || sim_own_code != 0) return ::operator new(size);
    count(size);
    void* p = ::operator new(size);
    remember(p, size);
    return p;
}

void allocation_tracker::deallocate(void* p) noexcept {
    forget(p);
    ::operator delete(p);
}

void allocation_tracker::forget(void* p) noexcept {
    if (busy_) return;
    const sim_pause own;
    busy_ = true;
    live_.erase(p);
    busy_ = false;
}

std::size_t allocation_tracker::bytes_left() const noexcept {
    std::size_t sum = 0;
    for (const auto& [p, b] : live_) sum += b.size;
    return sum;
}

std::uint64_t allocation_tracker::oldest_left() const noexcept {
    std::uint64_t oldest = 0;
    for (const auto& [p, b] : live_)
        if (oldest == 0 || b.number < oldest) oldest = b.number;
    return oldest;
}

std::string allocation_tracker::place() const { return calls_text(place_, 16); }

}  // namespace asyncio::detail
