// The way back: what the pool's processes and its fork server have to say.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>

#include "executor/pool_watch.hpp"
#include "executor/process_pool.hpp"

namespace asyncio::detail {

std::exception_ptr broken_pool(const std::string& what, int signal_number) {
    return std::make_exception_ptr(broken_process_pool("asyncio: " + what, signal_number));
}

// ---- From the workers ---------------------------------------------------------------------------

bool process_pool::pump() noexcept {
    endings ended;
    rooms opened;
    bool over = false;
    {
        const std::lock_guard lock(mutex_);
        try {
            if (!over_) {
                receive(ended);
                dispatch(ended);
            }
            opened = open_rooms();
        } catch (const std::bad_alloc&) {
            // What was not read is still there.
        }
        over = over_;
    }
    tell(ended);
    for (const auto& room : opened) room->finish({});
    return over;
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
    const bool no_descriptor_left = got.error == EMSGSIZE;
    if ((!got.ok() && !no_descriptor_left) || got.value < static_cast<std::int64_t>(sizeof reply)) {
        w.gone = true;  // how it has ended comes from the fork server
        set_.remove(w.socket.get());
        return;
    }
    early_deaths_ = 0;
    std::memcpy(&reply, buffer_.data(), sizeof reply);
    if (w.call == nullptr || w.call->parcel->id != reply.id) return;
    process_call& call = *std::exchange(w.call, nullptr);
    --running_;
    std::exception_ptr problem;
    try {
        process_parcel& parcel = *call.parcel;
        parcel.reply = reply;
        int error = 0;
        if (reply.place == reply_place::packed) {
            parcel.result.assign(buffer_.data() + sizeof reply, reply.size);
        } else if (reply.place == reply_place::in_memory_of_call) {
            error = parcel.memory.bytes.follow(reply.memory_size);
        } else {
            error = no_descriptor_left
                        ? EMFILE
                        : parcel.new_memory.open(std::move(files.first), reply.memory_size);
        }
        if (error != 0)
            throw std::system_error(
                error, std::generic_category(),
                "asyncio: the result of a call in another process cannot be mapped");
    } catch (...) {
        problem = std::current_exception();
    }
    end(call, std::move(problem), out);
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

namespace {

/// Why the call of a process that has ended is lost.
std::exception_ptr lost_call(int pid, const process_end& how, delay limit) noexcept {
    try {
        std::string text = "process " + std::to_string(pid) + " of the pool ";
        if (how.signal_number == 0) {
            text += "ended with exit code " + std::to_string(how.exit_code);
        } else {
            text += "was ended by " + signal_name(how.signal_number);
        }
        if (is_cpu_limit_signal(how.signal_number) && !limit.is_forever()) {
            char number[64];
            std::snprintf(number, sizeof number, ": the call used more than its %.3f s of CPU time",
                          std::chrono::duration<double>(limit.nanoseconds()).count());
            text += number;
        } else {
            text += " while it made this call; the call is lost, the process is replaced";
        }
        return broken_pool(text, how.signal_number);
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace

void process_pool::worker_ended(int pid, int status, endings& out) {
    const auto at = std::find_if(workers_.begin(), workers_.end(),
                                 [pid](const auto& w) { return w->pid == pid; });
    if (at == workers_.end()) return;
    const std::unique_ptr<worker> w = std::move(*at);
    workers_.erase(at);
    receive_reply(*w, out);  // it may have ended its call before
    if (!w->gone) set_.remove(w->socket.get());
    if (!w->has_served) {
        // A new one at once may die, too: not without work, and not for ever.
        if (queued_ > 0)
            ++early_deaths_;
        else
            peak_ = std::min(peak_, live_workers() + starting_);
    }
    if (w->call == nullptr) return;
    --running_;
    end(*w->call, lost_call(pid, end_of(status), w->call->options.cpu_time), out);
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

// ---- The end of a call --------------------------------------------------------------------------

void process_pool::fail_queue(const std::exception_ptr& error, endings& out) {
    while (!queue_.empty()) {
        --queued_;
        end(queue_.pop_front(), error, out);
    }
}

void process_pool::end(process_call& call, std::exception_ptr error, endings& out) noexcept {
    call.parcel->at = process_parcel::stage::ended;
    call.parcel->error = std::move(error);
    call.list_hook::unlink();
    out.push_back(call);
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
    while (!ended.empty()) {
        process_call& call = ended.pop_front();
        const auto keep = std::move(call.parcel->keep);
        tell_one(call);
    }
}

void process_pool::tell_one(process_call& call) noexcept {
    process_parcel& parcel = *call.parcel;
    concurrent_state_base& state = call.state();
    try {
        if (parcel.dropped) {
            state.cancel(make_cancel("the process pool was shut down", cancel_kind::shutdown, {},
                                     std::source_location::current()));
        } else if (!parcel.error && !state.done()) {
            std::span<const char> bytes(parcel.result);
            if (parcel.reply.place == reply_place::in_memory_of_call)
                bytes = {parcel.memory.bytes.data(), parcel.reply.size};
            if (parcel.reply.place == reply_place::in_new_memory)
                bytes = {parcel.new_memory.data(), parcel.reply.size};
            if (parcel.reply.kind == reply_kind::error) {
                parcel.error = unpack_exception(bytes);
            } else {
                call.read_result(bytes);
            }
        }
    } catch (...) {
        parcel.error = std::current_exception();
    }
    state.finish(std::move(parcel.error));  // nothing, if it was cancelled
    const std::lock_guard lock(mutex_);
    // A call that was killed may have left a writer behind for a moment: its memory is not used
    // again.
    if (parcel.reply.id != 0) {
        constexpr unsigned calls = 64;
        if (parcel.reply.place != reply_place::packed) expect_large_ = calls;
        give_spare(std::move(parcel.memory));
        if (parcel.new_memory) give_spare({++last_memory_, std::move(parcel.new_memory)});
    }
    count_out(call);
}

void process_pool::give_spare(call_memory memory) noexcept {
    if (!memory.bytes || spare_bytes_ + memory.bytes.size() > most_spare_memory) return;
    try {
        spare_.push_back(std::move(memory));
        spare_bytes_ += spare_.back().bytes.size();
    } catch (const std::bad_alloc&) {
        // The system gets it back.
    }
}

}  // namespace asyncio::detail
