// The way back: what the pool's processes and its fork server have to say.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>

#include "executor/pool_watch.hpp"
#include "executor/process_pool.hpp"

namespace asyncio::detail {

namespace {

constexpr std::size_t most_spare_bytes = std::size_t{64} << 20;

}  // namespace

std::exception_ptr broken_pool(const std::string& what, int signal_number) {
    return std::make_exception_ptr(broken_process_pool("asyncio: " + what, signal_number));
}

// ---- From the workers
// ----------------------------------------------------------------------------

bool process_pool::pump() noexcept try {
    endings ended;
    std::vector<ref<concurrent_state_base>> rooms;
    bool over = false;
    {
        const std::lock_guard lock(mutex_);
        if (!over_) {
            receive(ended);
            dispatch(ended);
        }
        open_rooms(rooms);
        over = over_;
    }
    tell(ended);
    for (const auto& room : rooms) room->finish({});
    return over;
} catch (const std::bad_alloc&) {
    return false;  // what was not read is still there
}

void process_pool::receive(endings& out) {
    std::uint64_t keys[64];
    for (const std::uint64_t key : set_.wait(keys, delay())) {
        if (key == control_key) {
            receive_news(out);
        } else if (key != over_key) {
            const auto at = std::find_if(workers_.begin(), workers_.end(), [key](const auto& w) {
                return static_cast<std::uint64_t>(w->pid) == key;
            });
            if (at != workers_.end()) receive_reply(**at, out);
        }
    }
}

void process_pool::receive_reply(worker& w, endings& out) {
    if (w.gone) return;
    packet_descriptors files;
    const sys_result got = receive_packet(w.socket.get(), buffer_, files, packet_wait::never);
    if (got.would_block()) return;
    reply_header reply;
    if (!got.ok() || got.value < static_cast<std::int64_t>(sizeof reply)) {
        w.gone = true;  // how it has ended comes from the fork server
        set_.remove(w.socket.get());
        return;
    }
    early_deaths_ = 0;
    std::memcpy(&reply, buffer_.data(), sizeof reply);
    if (w.call == nullptr || w.call->parcel->id != reply.id) return;
    process_call& call = *std::exchange(w.call, nullptr);
    --running_;
    process_parcel& parcel = *call.parcel;
    parcel.reply = reply;
    int error = 0;
    if (reply.place == reply_place::packed) {
        parcel.result.assign(buffer_.data() + sizeof reply, reply.size);
    } else if (reply.place == reply_place::in_memory_of_call) {
        error = parcel.memory.bytes.follow(reply.memory_size);
    } else {
        error = parcel.new_memory.open(std::move(files.first), reply.memory_size);
    }
    std::exception_ptr problem;
    if (error != 0)
        problem = std::make_exception_ptr(
            std::system_error(error, std::generic_category(),
                              "asyncio: the result of a call in another process cannot be mapped"));
    end(call, problem, out);
}

void process_pool::receive_news(endings& out) {
    for (;;) {
        fork_news news = server_.receive();
        switch (news.what) {
            case fork_news::kind::nothing:
                return;
            case fork_news::kind::started: {
                --starting_;
                auto w = std::make_unique<worker>();
                w->pid = news.pid;
                w->socket = std::move(news.socket);
                w->process = std::move(news.process);
                if (set_.add(w->socket.get(), static_cast<std::uint64_t>(w->pid)) != 0) {
                    kill_process(w->process.get());
                    w->doomed = true;
                }
                workers_.push_back(std::move(w));
                break;
            }
            case fork_news::kind::failed:
                --starting_;
                if (live_workers() + starting_ == 0)
                    fail_queue(std::make_exception_ptr(std::system_error(
                                   news.error, std::generic_category(),
                                   "asyncio: no process can be started for the pool")),
                               out);
                peak_ = std::min(peak_, live_workers() + starting_);
                break;
            case fork_news::kind::ended:
                worker_ended(news.pid, news.status, out);
                break;
            case fork_news::kind::over:
                server_ended(out);
                return;
        }
    }
}

std::string process_pool::end_text(const worker& w, const process_end& how) const {
    std::string text = "process " + std::to_string(w.pid) + " of the pool ";
    if (how.signal_number == 0) {
        text += "ended with exit code " + std::to_string(how.exit_code);
    } else {
        text += "was ended by " + signal_name(how.signal_number);
    }
    const delay limit = w.call->options.cpu_time;
    if (is_cpu_limit_signal(how.signal_number) && !limit.is_forever()) {
        char number[64];
        std::snprintf(number, sizeof number, ": the call used more than its %.3f s of CPU time",
                      std::chrono::duration<double>(limit.nanoseconds()).count());
        return text + number;
    }
    return text + " while it made this call; the call is lost, the process is replaced";
}

void process_pool::worker_ended(int pid, int status, endings& out) {
    const auto at = std::find_if(workers_.begin(), workers_.end(),
                                 [pid](const auto& w) { return w->pid == pid; });
    if (at == workers_.end()) return;
    const std::unique_ptr<worker> w = std::move(*at);
    workers_.erase(at);
    receive_reply(*w, out);  // it may have ended its call before
    if (!w->gone) set_.remove(w->socket.get());
    if (!w->has_served) ++early_deaths_;
    if (w->call == nullptr) return;
    --running_;
    const process_end how = end_of(status);
    end(*w->call, broken_pool(end_text(*w, how), how.signal_number), out);
}

void process_pool::server_ended(endings& out) {
    server_gone_ = true;
    starting_ = 0;
    set_.remove(server_.fileno());
    for (const auto& w : workers_) {
        receive_reply(*w, out);
        if (!w->gone) set_.remove(w->socket.get());
        if (w->call == nullptr) continue;
        --running_;
        end(*w->call,
            broken_pool("the fork server of the process pool has ended, and its processes with "
                        "it; the call is lost: make a new pool"),
            out);
    }
    workers_.clear();
    fail_queue(broken_pool("the fork server of the process pool has ended: make a new pool"), out);
}

// ---- The end of a call
// ---------------------------------------------------------------------------

void process_pool::fail_queue(const std::exception_ptr& error, endings& out) {
    while (!queue_.empty()) {
        --queued_;
        end(queue_.pop_front(), error, out);
    }
}

void process_pool::end(process_call& call, std::exception_ptr error, endings& out) {
    call.parcel->at = process_parcel::stage::ended;
    out.push_back({&call, std::move(call.parcel->keep), std::move(error)});
}

void process_pool::count_out(process_call& call) noexcept {
    --unfinished_;
    if (call.parcel->watch) {
        --call.parcel->watch->unfinished;
    } else {
        --unfinished_of_threads_;
    }
    // Who waits for the end may sleep while another thread has brought it.
    if (closing_ && unfinished_ == 0) over_flag_.raise();
}

void process_pool::tell(endings& ended) noexcept {
    for (ending& e : ended) tell_one(e);
}

void process_pool::tell_one(ending& e) noexcept {
    process_parcel& parcel = *e.call->parcel;
    if (e.cancelled) {
        e.keep->cancel(make_cancel("the process pool was shut down", cancel_kind::shutdown, {},
                                   std::source_location::current()));
    } else if (!e.keep->done()) {
        if (!e.error) try {
                std::span<const char> bytes(parcel.result);
                if (parcel.reply.place == reply_place::in_memory_of_call)
                    bytes = {parcel.memory.bytes.data(), parcel.reply.size};
                if (parcel.reply.place == reply_place::in_new_memory)
                    bytes = {parcel.new_memory.data(), parcel.reply.size};
                if (parcel.reply.kind == reply_kind::error) {
                    e.error = unpack_exception(bytes);
                } else {
                    e.call->read_result(bytes);
                }
            } catch (...) {
                e.error = std::current_exception();
            }
        e.keep->finish(std::move(e.error));
    }
    call_memory unused;
    const std::lock_guard lock(mutex_);
    // A call that was killed may have left a writer behind for a moment: its memory is not used
    // again.
    if (parcel.memory.number != 0 && parcel.reply.id != 0 &&
        spare_bytes_ + parcel.memory.bytes.size() <= most_spare_bytes) {
        spare_bytes_ += parcel.memory.bytes.size();
        spare_.push_back(std::move(parcel.memory));
    }
    count_out(*e.call);
}

}  // namespace asyncio::detail
