#include "executor/process_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <stdexcept>
#include <system_error>

#include "executor/pool_watch.hpp"

namespace asyncio::detail {

namespace {

constexpr std::size_t most_early_deaths = 100;

std::size_t checked_workers(const process_pool_options& options) {
    const std::size_t n =
        options.max_workers.value_or(std::max(1u, std::thread::hardware_concurrency()));
    if (n == 0)
        throw std::invalid_argument(
            "asyncio: process_pool_executor: max_workers is 0; a pool needs at least one process");
    return n;
}

void check(int error, const char* what) {
    if (error != 0)
        throw std::system_error(error, std::generic_category(),
                                std::string("asyncio: process_pool_executor: ") + what);
}

std::uint64_t to_limit(delay d) noexcept {
    if (d.is_forever()) return call_limits::unlimited;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(d.nanoseconds().count(), 1));
}

}  // namespace

process_pool::process_pool(const process_pool_options& o)
    : options(o),
      max_workers(checked_workers(o)),
      owner_(own_process()),
      buffer_(sizeof(reply_header) + most_packed) {
    if (has_other_threads())
        throw std::runtime_error(
            "asyncio: process_pool_executor: this process has threads already, and what it forks "
            "would not be whole: make the pool first, at the beginning of main(), and then what "
            "starts threads (to_thread, getaddrinfo, thread pools, submit() of another pool)");
    std::cout.flush();  // what is buffered would be written by each process
    check(set_.open(), "no event queue");
    check(over_flag_.open(), "no event");
    check(server_.start(&run_worker), "the fork server cannot be started");
    check(set_.add(server_.fileno(), control_key), "the fork server cannot be watched");
    check(set_.add(over_flag_.fileno(), over_key), "the event cannot be watched");
}

process_pool::~process_pool() = default;

bool process_pool::own_process_forked() const noexcept { return own_process() != owner_; }

void process_pool::check_usable(const char* api) const {
    if (!own_process_forked()) return;
    throw std::runtime_error(std::string("asyncio: ") + api +
                             ": this process pool belongs to process " + std::to_string(owner_) +
                             ", of which this one is a fork: make a pool of its own here");
}

// ---- The way in ---------------------------------------------------------------------------------

void check_message_size(const char* what_has, std::size_t size, std::size_t limit) {
    if (size > limit)
        throw std::length_error("asyncio: " + std::string(what_has) + " " + std::to_string(size) +
                                " bytes, over the pool's limit of " + std::to_string(limit) +
                                ": raise process_pool_options::max_message");
}

char* process_pool::request_room(process_parcel& parcel, std::size_t size) {
    check_message_size("the arguments of a call have", size, options.max_message);
    parcel.size = size;
    if (size <= most_packed) {
        parcel.packed = std::make_unique_for_overwrite<char[]>(size);
        return parcel.packed.get();
    }
    {
        const std::lock_guard lock(mutex_);
        parcel.memory = take_spare(size);
        if (parcel.memory.number == 0) parcel.memory.number = ++last_memory_;
    }
    if (!parcel.memory.bytes)
        check(parcel.memory.bytes.create(size), "no shared memory for the arguments of a call");
    return parcel.memory.bytes.data();
}

/// The last one is the one that caches know.
call_memory process_pool::take_spare(std::size_t size) noexcept {
    const auto at = std::find_if(spare_.rbegin(), spare_.rend(),
                                 [size](const call_memory& m) { return m.bytes.size() >= size; });
    if (at == spare_.rend()) return {};
    call_memory found = std::move(*at);
    spare_bytes_ -= found.bytes.size();
    spare_.erase(std::next(at).base());
    return found;
}

void process_pool::start(process_call& call, event_loop* loop) {
    process_parcel& parcel = *call.parcel;
    if (loop != nullptr) parcel.watch = watch_for(*loop);
    endings ended;
    {
        const std::lock_guard lock(mutex_);
        if (closing_)
            throw std::runtime_error(
                "asyncio: the process pool has been shut down: it takes no more calls");
        if (server_gone_)
            throw broken_process_pool(
                "asyncio: the process pool has lost its fork server: make a new pool");
        if (queued_ >= options.max_pending && idle_worker() == nullptr &&
            live_workers() + starting_ >= max_workers)
            throw queue_full();
        if (loop == nullptr) ensure_thread();
        parcel.id = ++last_id_;
        parcel.keep = ref<concurrent_state_base>(&call.state());
        parcel.at = process_parcel::stage::queued;
        queue_.push_back(call);
        ++queued_;
        ++unfinished_;
        if (parcel.watch) {
            ++parcel.watch->unfinished;
        } else if (++unfinished_of_threads_ == 1) {
            thread_needed_.notify_one();
        }
        dispatch(ended);
    }
    tell(ended);
}

void process_pool::cancel(process_call& call) noexcept {
    if (own_process_forked()) return;
    endings ended;
    ref<concurrent_state_base> keep;
    {
        const std::lock_guard lock(mutex_);
        process_parcel& parcel = *call.parcel;
        if (parcel.at == process_parcel::stage::queued) {
            call.list_hook::unlink();
            --queued_;
        } else if (parcel.at == process_parcel::stage::running) {
            for (const auto& w : workers_) {
                if (w->call != &call) continue;
                kill_process(w->process.get());
                w->doomed = true;
                w->call = nullptr;
                --running_;
            }
        } else {
            return;
        }
        parcel.at = process_parcel::stage::ended;
        keep = std::move(parcel.keep);
        count_out(call);
        dispatch(ended);
    }
    tell(ended);
}

ref<concurrent_state_base> process_pool::room() {
    const ref<concurrent_state_base> state(new concurrent_state<void>);
    {
        const std::lock_guard lock(mutex_);
        if (!closing_ && !server_gone_ && queued_ >= options.max_pending) {
            ensure_thread();
            rooms_.push_back(state);
            thread_needed_.notify_one();
            return state;
        }
    }
    state->finish({});
    return state;
}

process_pool::rooms process_pool::open_rooms() {
    std::size_t free = rooms_.size();
    if (!closing_ && !server_gone_)
        free = std::min(free, options.max_pending - std::min(options.max_pending, queued_));
    const auto end = rooms_.begin() + static_cast<std::ptrdiff_t>(free);
    rooms opened(std::make_move_iterator(rooms_.begin()), std::make_move_iterator(end));
    rooms_.erase(rooms_.begin(), end);
    return opened;
}

// ---- To the workers -----------------------------------------------------------------------------

process_pool::worker* process_pool::idle_worker() noexcept {
    for (const auto& w : workers_)
        if (w->call == nullptr && !w->doomed && !w->gone) return w.get();
    return nullptr;
}

std::size_t process_pool::live_workers() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        workers_.begin(), workers_.end(), [](const auto& w) { return !w->doomed && !w->gone; }));
}

void process_pool::dispatch(endings& out) {
    while (!queue_.empty()) {
        worker* const w = idle_worker();
        if (w == nullptr) break;
        process_call& call = queue_.front();
        process_parcel& parcel = *call.parcel;
        concurrent_state_base& state = call.state();
        // A call that nobody may kill any more is one that runs.
        const bool runs_on = call.options.on_cancel == cancelled_call::run_on;
        if (runs_on && !parcel.begun) parcel.begun = state.begin();
        if (state.done()) {
            --queued_;
            end(call, nullptr, out);
        } else {
            send(*w, call, out);
        }
    }
    keep_whole(out);
}

/// If the worker is gone, the call stays where it is.
void process_pool::send(worker& w, process_call& call, endings& out) {
    process_parcel& parcel = *call.parcel;
    const bool packed = parcel.packed != nullptr;
    if (packed && expect_large_ > 0 && !parcel.memory.bytes) {
        --expect_large_;
        parcel.memory = take_spare(0);
    }
    const call_header header{.id = parcel.id,
                             .size = parcel.size,
                             .packed = packed ? parcel.size : 0,
                             .memory = parcel.memory.number,
                             .memory_size = parcel.memory.bytes.size(),
                             .max_result = options.max_message,
                             .limits = {to_limit(call.options.cpu_time), call.options.memory}};
    const const_chunk chunks[] = {{&header, sizeof header}, {parcel.packed.get(), parcel.size}};
    const int file = parcel.memory.bytes.file();
    const sys_result sent = send_packet(w.socket.get(), std::span(chunks).first(packed ? 2 : 1),
                                        std::span(&file, file >= 0 ? 1 : 0), packet_wait::never);
    if (sent.error == EPIPE || sent.error == ECONNRESET || sent.error == ENOTCONN) {
        w.gone = true;
        return;
    }
    --queued_;
    if (!sent.ok()) {
        end(call,
            std::make_exception_ptr(std::system_error(sent.error, std::generic_category(),
                                                      "asyncio: a call cannot be sent")),
            out);
        return;
    }
    call.list_hook::unlink();
    parcel.packed.reset();
    parcel.at = process_parcel::stage::running;
    w.call = &call;
    w.has_served = true;
    ++running_;
}

/// As many workers as there were, or as there is work for; a dead one is replaced.
void process_pool::keep_whole(endings& out) {
    if (over_ || server_gone_) return;
    std::size_t wanted = std::min(max_workers, running_ + queued_);
    if (!closing_) wanted = peak_ = std::max(peak_, wanted);
    std::size_t there = live_workers() + starting_;
    for (; there < wanted && early_deaths_ < most_early_deaths; ++there) {
        if (!server_.request_worker()) break;
        ++starting_;
    }
    if (there == 0 && queued_ > 0 && early_deaths_ >= most_early_deaths) {
        fail_queue(broken_pool("the processes of the pool end before they can take a call, " +
                               std::to_string(early_deaths_) + " in a row"),
                   out);
        early_deaths_ = 0;
    }
}

}  // namespace asyncio::detail
