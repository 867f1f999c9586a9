// The real network with names of the test's own, some of whose addresses never answer.
#pragma once

#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "asyncio/asyncio.hpp"

namespace loopback {

/// What a test knows and sees of the network.
struct network_script {
    std::map<std::string, std::vector<asyncio::socket_address>> names;
    std::set<std::string> silent;  ///< numeric addresses that never answer
    std::vector<std::string> connects;
};

class named_backend final : public asyncio::detail::backend {
    using raw_address = asyncio::detail::raw_address;
    using io_source = asyncio::detail::io_source;
    using sys_result = asyncio::detail::sys_result;

   public:
    explicit named_backend(network_script& script) : script_(script) {}

    bool resolve(const asyncio::detail::name_query& query,
                 asyncio::detail::name_answer& answer) override {
        const auto at = script_.names.find(query.host);
        if (at == script_.names.end()) return false;
        for (const asyncio::socket_address& a : at->second) {
            raw_address raw = a.raw();
            asyncio::detail::set_port(raw, static_cast<std::uint16_t>(std::stoi(query.service)));
            answer.addresses.push_back(raw);
        }
        return true;
    }
    sys_result connect(io_source& s, const raw_address& to) noexcept override {
        const std::string ip = asyncio::socket_address(to).ip();
        script_.connects.push_back(ip);
        return script_.silent.contains(ip) ? sys_result{-1, EINPROGRESS} : real_->connect(s, to);
    }

    std::string name() const override { return real_->name(); }
    asyncio::time_point now() noexcept override { return real_->now(); }
    void poll(asyncio::delay d) override { real_->poll(d); }
    void wake() noexcept override { real_->wake(); }
    int fileno() noexcept override { return real_->fileno(); }
    void arm_fileno(asyncio::time_point t) noexcept override { real_->arm_fileno(t); }
    std::uint64_t random() noexcept override { return real_->random(); }
    int watch(io_source& s, unsigned e) noexcept override { return real_->watch(s, e); }
    int attach(io_source& s) noexcept override { return real_->attach(s); }
    void detach(io_source& s) noexcept override { real_->detach(s); }
    sys_result open_socket(asyncio::address_family f, asyncio::socket_type t) noexcept override {
        return real_->open_socket(f, t);
    }
    sys_result open_pair(asyncio::socket_type t, int (&fds)[2]) noexcept override {
        return real_->open_pair(t, fds);
    }
    sys_result connect_result(io_source& s) noexcept override { return real_->connect_result(s); }
    sys_result bind(int fd, const raw_address& to) noexcept override { return real_->bind(fd, to); }
    sys_result listen(int fd, int backlog) noexcept override { return real_->listen(fd, backlog); }
    sys_result accept(io_source& s, raw_address& peer) noexcept override {
        return real_->accept(s, peer);
    }
    sys_result recv(io_source& s, void* data, std::size_t size) noexcept override {
        return real_->recv(s, data, size);
    }
    sys_result send(io_source& s,
                    std::span<const asyncio::detail::const_chunk> c) noexcept override {
        return real_->send(s, c);
    }
    sys_result recv_from(io_source& s, void* data, std::size_t size,
                         raw_address& from) noexcept override {
        return real_->recv_from(s, data, size, from);
    }
    sys_result send_to(io_source& s, const void* data, std::size_t size,
                       const raw_address& to) noexcept override {
        return real_->send_to(s, data, size, to);
    }
    sys_result shutdown(int fd, bool r, bool w) noexcept override {
        return real_->shutdown(fd, r, w);
    }
    void close(int fd) noexcept override { real_->close(fd); }
    void abort(int fd) noexcept override { real_->abort(fd); }
    sys_result local_address(int fd, raw_address& a) noexcept override {
        return real_->local_address(fd, a);
    }
    sys_result peer_address(int fd, raw_address& a) noexcept override {
        return real_->peer_address(fd, a);
    }
    sys_result get_option(int fd, asyncio::socket_option o) noexcept override {
        return real_->get_option(fd, o);
    }
    sys_result set_option(int fd, asyncio::socket_option o, int v) noexcept override {
        return real_->set_option(fd, o, v);
    }
    sys_result socket_file(const char* p, asyncio::detail::file_identity& f) noexcept override {
        return real_->socket_file(p, f);
    }
    sys_result remove_file(const char* p) noexcept override { return real_->remove_file(p); }

   private:
    network_script& script_;
    std::unique_ptr<asyncio::detail::backend> real_ = asyncio::detail::make_epoll_backend();
};

/// Runs `main` on a loop over the scripted network.
template <class T>
T run_with(network_script& script, asyncio::coroutine<T> main) {
    const auto loop = asyncio::make_loop(std::make_unique<named_backend>(script));
    return loop->run_until_complete(std::move(main));
}

}  // namespace loopback
