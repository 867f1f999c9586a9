#include "asyncio/streams/server.hpp"

#include <cerrno>
#include <cstdio>
#include <optional>
#include <stdexcept>

namespace asyncio {

namespace detail {

namespace {

constexpr auto pause_without_resources = std::chrono::seconds(1);

bool out_of_resources(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/// The listening socket itself is unusable; other errors are those of a connection that is gone.
bool fatal_for_listener(int error) noexcept {
    return error == EBADF || error == EINVAL || error == ENOTSOCK || error == EOPNOTSUPP ||
           error == EFAULT;
}

cancel_ref closed_reason() noexcept {
    try {
        return cancel_request("the server was closed", std::source_location());
    } catch (...) {
        return {};
    }
}

}  // namespace

// ---- listener ----

void listener::start(server_state& owner) noexcept {
    owner_ = ref<server_state>(&owner);
    queue_accept();
}

void listener::stop() noexcept {
    const ref<listener> self(this);
    if (armed()) loop().timers.disarm(*this);
    if (is_open() && !path.empty()) {
        file_identity now;
        if (outside().socket_file(path.c_str(), now).ok() && now == file)
            (void)outside().remove_file(path.c_str());
    }
    close_descriptor();
    owner_ = nullptr;
}

void listener::pause(delay d) noexcept {
    try {
        loop().timers.arm(*this, d.after(loop().now()), &fire);
    } catch (...) {
        queue_accept();
    }
}

void listener::on_ready(unsigned events) noexcept {
    // While it pauses, new connections wait.
    if ((events & io_read) != 0 && !armed()) queue_accept();
}

void listener::fire(timer_node& n, timer_event e) noexcept {
    if (e == timer_event::due) static_cast<listener&>(n).queue_accept();
}

void listener::queue_accept() noexcept {
    if (is_open() && owner_ && enter_queue()) loop().schedule(*this);
}

void listener::run_accept(ready_node& n) {
    const auto self = ref<listener>::adopt(static_cast<listener*>(&n));
    self->leave_queue();
    const ref<server_state> owner = self->owner_;
    if (owner && self->is_open()) owner->accept_from(*self);
}

void listener::loop_closed() noexcept {
    const ref<listener> self(this);
    if (const ref<server_state> owner = owner_)
        owner->close();
    else
        stop();
    if (!is_queued()) return;
    leave_queue();
    release();
}

// ---- server_state ----

server_state::~server_state() { close(); }

void server_state::start() {
    if (closed) throw_runtime_error("asyncio: the server is closed");
    if (std::exchange(serving, true)) return;
    try {
        for (const auto& l : listeners) {
            const auto listening = l->outside().listen(l->fd, backlog);
            if (!listening.ok())
                throw_io_error(listening.error, "cannot listen on " + l->address.to_string());
            if (const int error = l->attach(); error != 0)
                throw_io_error(error, "cannot watch " + l->address.to_string());
        }
    } catch (...) {
        close();
        throw;
    }
    for (const auto& l : listeners) l->start(*this);
}

void server_state::close() noexcept {
    if (std::exchange(closed, true)) return;
    serving = false;
    for (const auto& l : std::exchange(listeners, {})) l->stop();
    if (forever.valid()) forever.state()->cancel(closed_reason());
    client_ended();
}

void server_state::client_ended() noexcept {
    if (closed && open_clients == 0) over.set();
}

std::vector<ref<stream_state>> server_state::clients() const {
    std::vector<ref<stream_state>> found;
    if (open_clients == 0) return found;  // the loop may be closed
    for (io_object& o : network::of(the_loop()).objects) {
        auto* c = dynamic_cast<server_client*>(&o);
        if (c != nullptr && c->belongs_to(*this)) found.emplace_back(c);
    }
    return found;
}

void server_state::accept_from(listener& l) {
    for (int n = 0; n < backlog; ++n) {
        raw_address peer;
        const sys_result r = l.outside().accept(l, peer);
        if (r.would_block()) return;
        if (!r.ok()) {
            if (!survive(l, r.error)) return;
            continue;
        }
        admit(static_cast<int>(r.value), peer);
        if (!l.is_open()) return;  // an exception handler has closed the server
    }
    l.queue_accept();
}

/// False: stop accepting for now.
bool server_state::survive(listener& l, int error) {
    const bool pause = out_of_resources(error);
    const bool fatal = fatal_for_listener(error);
    if (!pause && !fatal) return true;
    if (pause)
        l.pause(pause_without_resources);
    else
        l.stop();
    report([&] {
        const std::string where = "accept on " + l.address.to_string();
        return exception_context{
            .message = where + (pause ? " failed; it is tried again in a second. Is the limit of "
                                        "open descriptors (ulimit -n) too low?"
                                      : " failed; the server does not listen there any more"),
            .exception = make_io_error(error, where),
            .task_name = {},
            .details = {}};
    });
    return false;
}

void server_state::admit(int descriptor, const raw_address& peer) {
    ref<server_client> client;
    try {
        client = ref<server_client>(lends ? new lending_client(*this) : new server_client(*this));
        client->begin(std::exchange(descriptor, -1), peer);
        context_ref copy = context;
        const context_scope scope(copy);
        client->watch(*handle(*client).state());
    } catch (...) {
        if (descriptor >= 0) loop->outside->close(descriptor);
        if (client) client->refuse();
        report_handler(std::current_exception(), nullptr);
    }
}

/// Nobody is there to whom an exception could be thrown.
template <class Make>
void server_state::report(Make make) {
    std::optional<exception_context> told;
    try {
        told.emplace(make());
    } catch (...) {
        std::fputs("asyncio: an error of a server could not be reported\n", stderr);
        return;
    }
    the_loop().call_exception_handler(*told);
}

void server_state::report_handler(const std::exception_ptr& e, const task_state_base* t) {
    report([&] {
        return exception_context{
            .message = "Unhandled exception in the handler of a server's connection",
            .exception = e,
            .task_name = t != nullptr ? t->name() : std::string(),
            .details = t != nullptr ? format_trace(*t, e) : std::string()};
    });
}

// ---- server_client ----

server_client::server_client(server_state& s)
    : stream_state(static_cast<event_loop*>(s.loop.get()), s.limit), server_(&s) {}

void server_client::begin(int descriptor, const raw_address& peer) noexcept {
    open(descriptor);
    set_peer(peer);
    ++server_->open_clients;
}

void server_client::watch(future_state_base& task) noexcept {
    add_ref();  // the task's, until it has ended
    if (task.done())
        future_done(task);
    else
        task.add_waiter(*this);
}

void server_client::refuse() noexcept {
    abort();
    take_back();
}

void server_client::future_done(future_state_base& task) noexcept {
    ended_task_ = ref<future_state_base>(&task);
    queue_itself();
    release();  // the task's reference
}

void server_client::service() {
    if (ended_task_) end_handler();
    stream_state::service();
}

void server_client::end_handler() {
    const ref<future_state_base> task = std::move(ended_task_);
    const ref<server_state> server = server_;
    const bool failed = task->status != future_status::value;
    // The handler's own writers are gone; others may have kept some.
    if (failed) close();
    take_back();
    if (closed()) server_ = nullptr;
    if (!failed) return;
    const std::exception_ptr e = task->error_or_cancel();
    if (task->status == future_status::cancelled || is_fatal(e)) return;
    context_ref copy = server->context;
    const context_scope scope(copy);
    server->report_handler(e, static_cast<const task_state_base*>(task.get()));
}

void server_client::connection_ended() noexcept {
    const ref<server_state> server = server_;
    if (!done_node::linked() && !ended_task_) server_ = nullptr;
    --server->open_clients;
    server->client_ended();
}

void lending_client::take_back() noexcept {
    const stream_reader last_reader(std::move(reader));
    const stream_writer last_writer(std::move(writer));
}

void server_client::loop_closed() noexcept {
    const ref<server_client> self(this);
    stream_state::loop_closed();
    ended_task_ = nullptr;
    take_back();
    server_ = nullptr;
}

}  // namespace detail

// ---- server ----

namespace {

using detail::ref;
using detail::server_state;

event_loop& loop_of(const server_state& s) noexcept { return static_cast<event_loop&>(*s.loop); }

coroutine<> wait_until_closed(ref<server_state> s) { co_await s->over.wait(); }

/// Closes at once, even if there is no memory to wait with.
coroutine<> close_and_wait(const ref<server_state>& s) {
    s->close();
    return wait_until_closed(s);
}

void close_clients_of(const server_state& s) {
    for (const auto& c : s.clients()) c->close();
}

coroutine<> serve(ref<server_state> s) {
    if (s->forever.valid() && !s->forever.done())
        throw std::runtime_error("asyncio: another task is in serve_forever() already");
    s->start();
    s->forever = loop_of(*s).create_future<>({});
    std::exception_ptr cancelled;
    try {
        co_await s->forever;
    } catch (const cancelled_error&) {
        cancelled = std::current_exception();
    }
    s->close();
    close_clients_of(*s);  // one that says nothing more would be waited for for ever
    co_await wait_until_closed(s);
    std::rethrow_exception(cancelled);
}

coroutine<> start_now(ref<server_state> s) {
    s->start();
    co_return;
}

}  // namespace

const ref<server_state>& server::checked() const {
    if (!state_) detail::throw_invalid_state("asyncio: this server is empty: it was moved from");
    return state_;
}

std::vector<socket_address> server::addresses() const {
    std::vector<socket_address> result;
    for (const auto& l : checked()->listeners) result.push_back(l->address);
    return result;
}

std::uint16_t server::port() const {
    return checked()->listeners.empty() ? std::uint16_t(0) : state_->listeners[0]->address.port();
}

event_loop& server::get_loop() const { return loop_of(*checked()); }
coroutine<> server::start_serving() const { return start_now(checked()); }
coroutine<> server::serve_forever() const { return serve(checked()); }
coroutine<> server::wait_closed() const { return wait_until_closed(checked()); }
coroutine<> server::exit() const { return close_and_wait(checked()); }

void server::close_clients() const { close_clients_of(*checked()); }

void server::abort_clients() const {
    for (const auto& c : checked()->clients()) c->abort();
}

}  // namespace asyncio
