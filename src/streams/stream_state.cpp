#include "asyncio/streams/stream_state.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace asyncio::detail {

namespace {

/// A call that finds a fast peer goes on without waiting this often; then the others run.
constexpr std::uint16_t calls_per_turn = 64;
constexpr int receives_per_call = 16;
constexpr int sends_per_turn = 16;
/// An empty queue keeps at most this much memory.
constexpr std::size_t kept_capacity = 4096;

}  // namespace

void byte_queue::append(std::string_view data) {
    if (begin_ != 0 && begin_ >= size()) {
        bytes_.erase(0, begin_);
        begin_ = 0;
    }
    bytes_.append(data);
}

void byte_queue::drop(std::size_t n) noexcept {
    begin_ += n;
    if (begin_ < bytes_.size()) return;
    begin_ = 0;
    if (bytes_.capacity() > kept_capacity)
        bytes_ = std::string();
    else
        bytes_.clear();
}

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
        if (s.readable) s.queue_service();
    }
    park(p, s.reader);
}

std::string read_operation::describe() const { return stream_->text("reading from"); }

void stream_wait::suspend(promise_base& p) {
    if (p.task->loop != &stream_->loop())
        throw_runtime_error("asyncio: this stream belongs to another event loop");
    task_ = p.task;
    link();
    task_->wait_on(p, *this);
}

void stream_wait::await_resume() {
    if (cancelled_) [[unlikely]]
        task_->throw_cancel();
    if (error_) [[unlikely]]
        std::rethrow_exception(std::move(error_));
}

void stream_wait::wake(const std::exception_ptr& e) noexcept {
    list_hook::unlink();
    error_ = e;
    task_->wake();
}

bool stream_wait::cancel_wait(task_state_base& t, const cancel_ref&) noexcept {
    list_hook::unlink();
    cancelled_ = true;
    t.wake();
    return true;
}

bool drain_wait::await_ready() noexcept {
    if (const std::exception_ptr e = stream_->drain_error()) return settle(e);
    return !stream_->paused_ && stream_->may_go_on();
}

void drain_wait::link() noexcept {
    stream_->drainers_.push_back(*this);
    if (!stream_->paused_) stream_->queue_service();
}

std::string drain_wait::describe() const {
    return stream_->text("sending to") + " (" + std::to_string(stream_->unsent()) +
           " bytes are left)";
}

bool closed_wait::await_ready() noexcept {
    return stream_->closed_ && settle(stream_->write_error_);
}
void closed_wait::link() noexcept { stream_->closers_.push_back(*this); }
std::string closed_wait::describe() const { return stream_->text("closing the connection to"); }

// ---- the connection ----

stream_state::stream_state(event_loop* loop, std::size_t limit)
    : io_object(loop), ready_node(&run_service), limit_(limit) {
    if (limit == 0) throw_invalid_argument("asyncio: the limit of a stream must be at least 1");
    ahead = true;
}

void stream_state::set_peer(const raw_address& peer) noexcept {
    if (peer.size > sizeof peer_) return;
    std::memcpy(peer_, peer.data, peer.size);
    peer_size_ = static_cast<std::uint8_t>(peer.size);
}

raw_address stream_state::peer() const noexcept {
    raw_address a;
    if (peer_size_ == 0 && is_open()) {
        (void)outside().peer_address(fd, a);
    } else if (peer_size_ != 0) {
        std::memcpy(a.data, peer_, peer_size_);
        a.size = peer_size_;
    }
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

void stream_state::queue_service() noexcept {
    if (is_open() && enter_queue()) loop().schedule(*this);
}

void stream_state::run_service(ready_node& n) {
    const auto self = ref<stream_state>::adopt(static_cast<stream_state*>(&n));
    self->leave_queue();
    self->service();
}

void stream_state::service() noexcept {
    if (reader != nullptr) {
        if (reader->attempt())
            finish(*reader);
        else if (can_receive())
            queue_service();
    }
    flush();
    if (!paused_) wake_drainers();
}

void stream_state::on_ready(unsigned events) noexcept {
    if ((events & io_read) != 0 && reader != nullptr) {
        if (reader->attempt())
            finish(*reader);
        else if (can_receive())
            queue_service();
    }
    if ((events & io_write) != 0) {
        if (writer != nullptr && writer->attempt()) finish(*writer);
        if (!unsent_.empty()) queue_service();
    }
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
    if (reader != nullptr && reader->attempt()) finish(*reader);
}

void stream_state::end_reading() noexcept {
    ended_ = true;
    if (reader != nullptr && reader->attempt()) finish(*reader);
}

void stream_state::fail_reading(std::exception_ptr e) noexcept {
    read_error_ = std::move(e);
    if (reader != nullptr && reader->attempt()) finish(*reader);
}

// ---- writing ----

void stream_state::write(std::span<const const_chunk> chunks) {
    if (eof_wanted_)
        throw_runtime_error(
            "asyncio: write after write_eof: this end of the connection is closed already");
    // What is written to a connection that is lost goes nowhere; drain() tells.
    if (closing_ || write_error_) return;
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
    if (unsent_.size() > high_water_) paused_ = true;
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
    if (unsent_.size() <= low_water_) paused_ = false;
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
    if (!is_open() || std::exchange(eof_sent_, true)) return;
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
    if (reader == nullptr) return;
    if (reader->attempt())
        finish(*reader);
    else if (can_receive())
        queue_service();
}

std::exception_ptr stream_state::drain_error() const noexcept {
    if (write_error_ || !closed_) return write_error_;
    return error(ECONNRESET, "this end closed the connection before sending to");
}

void stream_state::wake_drainers() noexcept {
    if (drainers_.empty()) return;
    const std::exception_ptr e = drain_error();
    while (!drainers_.empty()) drainers_.pop_front().wake(e);
}

void stream_state::set_water(std::size_t high, std::size_t low) noexcept {
    high_water_ = high;
    low_water_ = low;
    if (unsent_.size() > high) paused_ = true;
    if (unsent_.size() <= low && std::exchange(paused_, false)) wake_drainers();
}

void stream_state::write_eof() {
    if (eof_wanted_ || closing_) return;
    eof_wanted_ = true;
    if (unsent_.empty()) send_eof();
}

void stream_state::close() noexcept {
    if (std::exchange(closing_, true)) return;
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
    if (std::exchange(closed_, true)) return;
    paused_ = false;
    if (reset)
        abort_descriptor();
    else
        close_descriptor();
    wake_drainers();
    while (!closers_.empty()) closers_.pop_front().wake(write_error_);
    owned_stream::unlink();
    if (owner_ != nullptr) std::exchange(owner_, nullptr)->stream_closed();
    if (std::exchange(lingering_, false)) release();
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
