// libuv's server: bench_libuv_server PORT echo|http|timeout READ_SIZE
#include <uv.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "server_main.hpp"

namespace {

constexpr std::uint64_t limit_ms = 5000;

bool http = false;
bool limited = false;
std::vector<char> buffer;

struct connection {
    uv_tcp_t socket;
    uv_timer_t limit;
    int open = 1;  // handles that are not closed yet
};

void closed(uv_handle_t* h) {
    auto* c = static_cast<connection*>(h->data);
    if (--c->open == 0) delete c;
}

void end(connection* c) {
    uv_close(reinterpret_cast<uv_handle_t*>(&c->socket), closed);
    if (limited) uv_close(reinterpret_cast<uv_handle_t*>(&c->limit), closed);
}

void lend_buffer(uv_handle_t*, std::size_t, uv_buf_t* out) {
    *out = uv_buf_init(buffer.data(), static_cast<unsigned>(buffer.size()));
}

/// What the socket does not take at once is copied and queued.
struct queued_write {
    uv_write_t request;
    std::vector<char> rest;
};

void sent(uv_write_t* request, int) { delete static_cast<queued_write*>(request->data); }

void answer(uv_stream_t* stream, ssize_t n, const uv_buf_t* data) {
    auto* c = static_cast<connection*>(stream->data);
    if (n < 0) return end(c);
    if (limited) uv_timer_again(&c->limit);
    const std::string_view out =
        http ? http_answer : std::string_view(data->base, static_cast<std::size_t>(n));
    uv_buf_t all = uv_buf_init(const_cast<char*>(out.data()), static_cast<unsigned>(out.size()));
    const int went = uv_try_write(stream, &all, 1);
    if (went == static_cast<int>(out.size())) return;
    auto* w = new queued_write;
    w->request.data = w;
    w->rest.assign(out.begin() + (went > 0 ? went : 0), out.end());
    uv_buf_t rest = uv_buf_init(w->rest.data(), static_cast<unsigned>(w->rest.size()));
    uv_write(&w->request, stream, &rest, 1, sent);
}

void accept(uv_stream_t* listener, int status) {
    if (status != 0) return;
    auto* c = new connection;
    uv_tcp_init(listener->loop, &c->socket);
    c->socket.data = c;
    if (limited) {
        uv_timer_init(listener->loop, &c->limit);
        c->limit.data = c;
        c->open = 2;
        const auto late = [](uv_timer_t* t) { end(static_cast<connection*>(t->data)); };
        uv_timer_start(&c->limit, late, limit_ms, limit_ms);
    }
    auto* stream = reinterpret_cast<uv_stream_t*>(&c->socket);
    if (uv_accept(listener, stream) != 0) return end(c);
    uv_tcp_nodelay(&c->socket, 1);
    uv_read_start(stream, lend_buffer, answer);
}

}  // namespace

int main(int argc, char** argv) {
    if (!check_server_arguments(argc, argv)) return 2;
    http = std::string_view(argv[2]) == "http";
    limited = std::string_view(argv[2]) == "timeout";
    buffer.resize(std::strtoul(argv[3], nullptr, 10));
    uv_loop_t* loop = uv_default_loop();
    uv_tcp_t listener;
    uv_tcp_init(loop, &listener);
    sockaddr_in address{};
    uv_ip4_addr("127.0.0.1", std::atoi(argv[1]), &address);
    uv_tcp_bind(&listener, reinterpret_cast<sockaddr*>(&address), 0);
    const int failed = uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, accept);
    if (failed != 0) {
        std::fprintf(stderr, "%s: %s\n", argv[0], uv_strerror(failed));
        return 1;
    }
    uv_run(loop, UV_RUN_DEFAULT);
}
