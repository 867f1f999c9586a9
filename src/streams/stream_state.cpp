#include "asyncio/streams/stream_state.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace asyncio::detail {

namespace {

/// A call that finds a fast peer goes on without waiting this often; then the others run.
constexpr std::uint8_t calls_per_turn = 64;
constexpr int receives_per_call = 16;
constexpr int sends_per_turn = 16;

}  // namespace

// ---- waiting ----

bool read_operation::await_ready() {
    if (stream_->reader != nullptr)
        throw_runtime_error(
            "asyncio: another task already waits for data of this stream_reader; one task reads");
    begin();
    error_ = nullptr;
    return stream_->serve(*this, stream_->may_go_on() ? receives_per_call : 0);
}

void read_operation::suspend(promise_base& p) {
    stream_state& s = *stream_;
    if (s.has_loop()) {
        if (p.task->loop != &s.loop())
            throw_runtime_error("asyncio: this stream belongs to another event loop");
        if (const int code = s.attach(); code != 0) throw_io_error(code, s.text("reading from"));
    }
    park(p, s.reader);
    if (s.reader == this && s.has_loop() && s.readable) stream_state::retry(*this);
}

bool read_operation::look() noexcept {
    if (io_operation::look()) return true;
    if (stream_->can_receive()) stream_state::retry(*this);
    return false;
}

std::string read_operation::describe() const { return stream_->text("reading from"); }

void stream_wait::suspend(promise_base& p) {
    stream_state& s = *stream_;
    if (p.task->loop != &s.loop())
        throw_runtime_error("asyncio: this stream belongs to another event loop");
    if (list_hook::linked()) throw_awaited_by_two();
    task_ = p.task;
    s.waits_.push_back(*this);
    if (!s.paused_ && !waits_for_the_end()) s.queue_service();
    task_->wait_on(p, *this);
}

void stream_wait::await_resume() {
    if (cancelled_) [[unlikely]]
        task_->throw_cancel();
    if (failed_) [[unlikely]]
        std::rethrow_exception(error());
}

void stream_wait::wake() noexcept {
    list_hook::unlink();
    failed_ = error() != nullptr;
    task_->wake();
}

bool stream_wait::cancel_wait(task_state_base& t, const cancel_ref&) noexcept {
    list_hook::unlink();
    cancelled_ = true;
    t.wake();
    return true;
}

bool drain_wait::await_ready() noexcept {
    cancelled_ = false;
    failed_ = stream_->write_error_ || stream_->closed_;
    return failed_ || (!stream_->paused_ && stream_->may_go_on());
}

std::exception_ptr drain_wait::error() const noexcept {
    if (stream_->write_error_ || !stream_->closed_) return stream_->write_error_;
    return stream_->error(ECONNRESET, "this end closed the connection before sending to");
}

std::string drain_wait::describe() const {
    return stream_->text("sending to") + " (" + std::to_string(stream_->unsent()) +
           " bytes are left)";
}

bool closed_wait::await_ready() noexcept {
    cancelled_ = false;
    failed_ = stream_->closed_ && stream_->write_error_;
    return stream_->closed_;
}
std::exception_ptr closed_wait::error() const noexcept { return stream_->write_error_; }
std::string closed_wait::describe() const { return stream_->text("closing the connection to"); }

// ---- the connection ----

stream_state::stream_state(event_loop* loop, std::size_t limit)
    : io_object(loop), ready_node(&run_service) {
    if (limit == 0) throw_invalid_argument("asyncio: the limit of a stream must be at least 1");
    if (limit != default_limit) own_limits().reading = limit;
    ahead = true;
}

raw_address stream_state::peer() const noexcept {
    raw_address a = peer_.get();
    if (a.size == 0 && is_open()) (void)outside().peer_address(fd, a);
    return a;
}

std::string stream_state::text(const char* what) const {
    return std::string(what) + " " + (has_loop() ? peer_text(peer()) : "a stream that is fed");
}

std::exception_ptr stream_state::error(int code, const char* what) const noexcept {
    try {
        return make_io_error(code, text(what));
    } catch (...) {
        return std::current_exception();
    }
}

bool stream_state::may_go_on() noexcept {
    if (!has_loop()) return true;
    const auto turn = static_cast<std::uint32_t>(loop().turns);
    if (turn != std::exchange(turn_, turn)) calls_ = 0;
    return ++calls_ < calls_per_turn;
}

bool stream_state::queue_itself() noexcept {
    if (!enter_queue()) return false;
    loop().schedule(*this);
    return true;
}

void stream_state::queue_service() noexcept {
    if (is_open()) queue_itself();
}

void stream_state::run_service(ready_node& n) {
    const auto self = ref<stream_state>::adopt(static_cast<stream_state*>(&n));
    self->leave_queue();
    self->service();
}

void stream_state::service() {
    flush();
    if (!paused_) wake_drainers();
}

void stream_state::on_ready(unsigned events) noexcept {
    io_object::on_ready(events);
    if ((events & io_write) != 0 && !unsent_.empty()) queue_service();
}

// ---- reading ----

bool stream_state::serve(read_operation& op, int tries) noexcept {
    try {
        for (;;) {
            std::size_t used = 0;
            const bool over = op.consume(unread_.view(), ended_, used);
            unread_.drop(used);
            if (over) return true;
            if (read_error_) {
                op.fail(read_error_);
                return true;
            }
            if (tries-- <= 0 || !can_receive()) return false;
            if (receive(op)) return true;
        }
    } catch (...) {
        op.fail(std::current_exception());
        return true;
    }
}

/// One call of the system. True: `op` is over.
bool stream_state::receive(read_operation& op) {
    std::span<char> into = unread_.empty() ? op.target() : std::span<char>();
    const bool direct = !into.empty();
    if (!direct) into = {network::of(loop()).scratch.get(), network::scratch_size};
    const sys_result r = outside().recv(*this, into.data(), into.size());
    if (!r.ok()) {
        if (!r.would_block())
            read_error_ = error(r.error, "reading from");
        else if (broken_)
            read_error_ = write_error_ ? write_error_ : error(ECONNRESET, "reading from");
        return false;
    }
    const auto n = static_cast<std::size_t>(r.value);
    if (n == 0) {
        ended_ = true;
        return false;
    }
    if (direct) {
        op.arrived(n);
        return true;
    }
    const std::string_view data(into.data(), n);
    try {
        std::size_t used = 0;
        const bool over = unread_.empty() && op.consume(data, false, used);
        unread_.append(data.substr(used));
        return over;
    } catch (...) {
        // Memory ran out and data was lost: the stream must not go on as if nothing had happened.
        read_error_ = std::current_exception();
        throw;
    }
}

void stream_state::feed(std::string_view data) {
    if (ended_) throw_runtime_error("asyncio: feed_data after feed_eof");
    unread_.append(data);
    if (reader != nullptr) retry(*reader);
}

void stream_state::end_reading() noexcept {
    ended_ = true;
    if (reader != nullptr) retry(*reader);
}

void stream_state::fail_reading(std::exception_ptr e) noexcept {
    read_error_ = std::move(e);
    if (reader != nullptr) retry(*reader);
}

// ---- writing ----

void stream_state::write(std::span<const const_chunk> chunks) {
    if (eof_wanted_)
        throw_runtime_error(
            "asyncio: write after write_eof: this end of the connection is closed already");
    // What is written to a connection that is lost goes nowhere; drain() tells.
    if (closing_ || write_error_) return;
    std::size_t size = 0;
    for (const const_chunk& c : chunks) size += c.size;
    if (size == 0) return;
    std::size_t sent = 0;
    if (unsent_.empty() && writable) {
        const sys_result r = outside().send(*this, chunks);
        if (r.ok())
            sent = static_cast<std::size_t>(r.value);
        else if (!r.would_block())
            return fail_sending(r.error);
    }
    try {
        for (const const_chunk& c : chunks) {
            const std::size_t skip = std::min(sent, c.size);
            sent -= skip;
            if (skip < c.size)
                unsent_.append({static_cast<const char*>(c.data) + skip, c.size - skip});
        }
    } catch (...) {
        // A part was sent: nothing may follow.
        fail_writing(std::current_exception());
        throw;
    }
    if (unsent_.empty()) return;
    if (const int code = attach(); code != 0) return fail_sending(code);
    if (writable) queue_service();
    if (unsent_.size() > limits().high_water) paused_ = true;
}

void stream_state::flush() noexcept {
    for (int n = 0; n < sends_per_turn && !unsent_.empty() && writable && is_open(); ++n) {
        const std::string_view rest = unsent_.view();
        const const_chunk chunk{rest.data(), rest.size()};
        const sys_result r = outside().send(*this, {&chunk, 1});
        if (r.ok()) {
            unsent_.drop(static_cast<std::size_t>(r.value));
        } else if (!r.would_block()) {
            fail_sending(r.error);
        }
    }
    if (unsent_.size() <= limits().low_water) paused_ = false;
    if (!unsent_.empty()) {
        if (writable) queue_service();
        return;
    }
    if (closing_)
        finish_close(false);
    else if (eof_wanted_)
        send_eof();
}

void stream_state::send_eof() noexcept {
    if (!is_open() || eof_sent_) return;
    eof_sent_ = true;
    if (!outside().shutdown(fd, false, true).ok()) connection_broke();
}

void stream_state::fail_sending(int code) noexcept {
    // The peer does not read any more, whichever of the two the system calls it.
    fail_writing(error(code == EPIPE ? ECONNRESET : code, "sending to"));
}

void stream_state::fail_writing(std::exception_ptr e) noexcept {
    write_error_ = std::move(e);
    unsent_.clear();
    paused_ = false;
    wake_drainers();
    if (closing_)
        finish_close(false);
    else
        connection_broke();
}

/// The peer does not hear us any more, so it will not answer: what has arrived is still read, but
/// nobody waits for more.
void stream_state::connection_broke() noexcept {
    broken_ = true;
    ahead = false;
    readable = true;  // ask once more
    if (reader != nullptr) retry(*reader);
}

void stream_state::wake_drainers() noexcept {
    for (auto at = waits_.begin(); at != waits_.end();) {
        stream_wait& w = *at;
        ++at;
        if (!w.waits_for_the_end()) w.wake();
    }
}

void stream_state::set_water(std::size_t high, std::size_t low) {
    own_limits().high_water = high;
    limits_->low_water = low;
    if (unsent_.size() > high) paused_ = true;
    if (unsent_.size() <= low && paused_) {
        paused_ = false;
        wake_drainers();
    }
}

void stream_state::write_eof() {
    if (eof_wanted_ || closing_) return;
    eof_wanted_ = true;
    if (unsent_.empty()) send_eof();
}

void stream_state::close() noexcept {
    if (closing_) return;
    closing_ = true;
    const ref<stream_state> self(this);
    end_reading();
    if (unsent_.empty() || !is_open()) return finish_close(false);
    lingering_ = true;
    add_ref();
}

void stream_state::abort() noexcept {
    if (closed_) return;
    const ref<stream_state> self(this);
    closing_ = true;
    unsent_.clear();
    end_reading();
    finish_close(true);
}

void stream_state::finish_close(bool reset) noexcept {
    if (closed_) return;
    closed_ = true;
    paused_ = false;
    if (reset)
        abort_descriptor();
    else
        close_descriptor();
    while (!waits_.empty()) waits_.front().wake();
    connection_ended();
    if (!lingering_) return;
    lingering_ = false;
    release();
}

void stream_state::loop_closed() noexcept {
    const ref<stream_state> self(this);
    unsent_.clear();
    closing_ = true;
    ended_ = true;
    finish_close(false);
    if (!is_queued()) return;
    leave_queue();
    release();
}

}  // namespace asyncio::detail
