#include "executor/pool_watch.hpp"

#include "executor/executor_room.hpp"
#include "executor/process_pool.hpp"

namespace asyncio::detail {

// ---- A loop that waits --------------------------------------------------------------------------

void pool_watch::watch() {
    if (!self_) {
        self_ = shared_from_this();
        executor_room::of(*loop).entries.push_back(*this);
    }
    if (watching_) return;
    loop->add_reader(pool_->fileno(), [self = shared_from_this()] { self->on_ready(); });
    watching_ = true;
}

void pool_watch::on_ready() {
    const auto self = shared_from_this();
    const bool had_calls = pool_->unfinished(*this) > 0;
    const bool over = pool_->pump();
    // A loop goes on watching while it makes one call after the other, because beginning to watch
    // costs more; another loop's calls wake it once, and then no more.
    if (over || (!had_calls && pool_->unfinished(*this) == 0)) {
        loop->remove_reader(pool_->fileno());
        watching_ = false;
    }
    if (over) stop();
}

void pool_watch::stop() noexcept {
    list_hook::unlink();
    pool_->forget(*this);
    self_ = nullptr;
}

void pool_watch::loop_closed() noexcept {
    const auto self = shared_from_this();
    stop();
}

std::shared_ptr<pool_watch> process_pool::watch_for(event_loop& loop) {
    std::shared_ptr<pool_watch> watch;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& w : watches_)
            if (auto there = w.lock(); there && there->loop == &loop) watch = std::move(there);
        if (!watch) {
            watch = std::make_shared<pool_watch>(loop, shared_from_this());
            watches_.push_back(watch);
        }
    }
    watch->watch();
    return watch;
}

std::size_t process_pool::unfinished(const pool_watch& watch) {
    const std::lock_guard lock(mutex_);
    return watch.unfinished;
}

void process_pool::forget(const pool_watch& watch) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(watches_, [&watch](const auto& w) {
        const auto there = w.lock();
        return !there || there.get() == &watch;
    });
}

}  // namespace asyncio::detail
