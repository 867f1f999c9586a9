#include "asyncio/net/resolver.hpp"

#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "asyncio/executor/to_thread.hpp"

namespace asyncio {

namespace {

struct lookup {
    lookup(std::string h, std::string s, const getaddrinfo_options& o)
        : query{std::move(h), std::move(s), o.family, o.type, o.passive, o.canonical_name} {}
    detail::name_query query;
};

[[noreturn]] void throw_lookup_error(int error, bool system_error, const std::string& what) {
    if (system_error) throw std::system_error(error, std::generic_category(), "asyncio: " + what);
    throw std::system_error(error, resolver_category(), "asyncio: " + what);
}

std::string query_text(const detail::name_query& q) {
    return "cannot resolve host '" + q.host + "', service '" + q.service + "'";
}

bool family_fits(address_family wanted, const detail::raw_address& a) {
    return wanted == address_family::unspecified || wanted == detail::family_of(a);
}

/// A port number, if the service is one.
bool parse_port(const std::string& service, std::uint16_t& port) {
    if (service.empty()) {
        port = 0;
        return true;
    }
    int number = -1;
    const char* end = service.data() + service.size();
    const auto [at, error] = std::from_chars(service.data(), end, number);
    if (error == std::errc::result_out_of_range) number = 65536;
    if (at != end || error == std::errc::invalid_argument) return false;
    port = detail::check_port("getaddrinfo", number);
    return true;
}

/// Answers without asking anybody, if the host and the service are numeric.
bool answer_numeric(const detail::name_query& q, detail::name_answer& answer) {
    std::uint16_t port = 0;
    if (!parse_port(q.service, port)) return false;
    const auto add = [&](const char* ip) {
        detail::raw_address a;
        if (detail::parse_ip(ip, port, a) && family_fits(q.family, a))
            answer.addresses.push_back(a);
    };
    if (q.host.empty()) {
        add(q.passive ? "0.0.0.0" : "127.0.0.1");
        add(q.passive ? "::" : "::1");
        return true;
    }
    add(q.host.c_str());
    return !answer.addresses.empty();
}

coroutine<detail::name_answer> ask_system(event_loop& loop, detail::name_query query) {
    auto asked = loop.run_in_executor(nullptr, &detail::system_resolve, query);
    co_return co_await std::move(asked);
}

coroutine<std::vector<address_info>> look_up(event_loop& loop, lookup l) {
    detail::name_answer answer;
    if (!answer_numeric(l.query, answer) && !loop.outside->resolve(l.query, answer))
        answer = co_await ask_system(loop, l.query);
    if (answer.error != 0)
        throw_lookup_error(answer.error, answer.system_error, query_text(l.query));
    if (answer.addresses.empty()) throw_lookup_error(ENXIO, true, query_text(l.query));
    std::vector<address_info> result;
    for (const detail::raw_address& a : answer.addresses)
        result.push_back({detail::family_of(a), l.query.type,
                          std::exchange(answer.canonical_name, {}), socket_address(a)});
    co_return result;
}

coroutine<detail::host_and_service> ask_names(event_loop& loop, detail::raw_address address,
                                              bool numeric_host, bool numeric_service) {
    detail::host_and_service known;
    if (numeric_host && numeric_service)
        co_return detail::system_name_of(address, numeric_host, numeric_service, false);
    if (!loop.outside->name_of(address, known)) {
        auto asked = loop.run_in_executor(nullptr, &detail::system_name_of, address, numeric_host,
                                          numeric_service, false);
        co_return co_await std::move(asked);
    }
    const detail::host_and_service numbers = detail::system_name_of(address, true, true, false);
    if (numeric_host) known.host = numbers.host;
    if (numeric_service) known.service = numbers.service;
    co_return known;
}

coroutine<name_info> look_up_names(event_loop& loop, socket_address address,
                                   numeric_names numeric) {
    const bool host = numeric == numeric_names::host || numeric == numeric_names::both;
    const bool service = numeric == numeric_names::service || numeric == numeric_names::both;
    auto found = co_await ask_names(loop, address.raw(), host, service);
    if (found.error != 0)
        throw_lookup_error(found.error, found.system_error,
                           "cannot find the name of " + address.to_string());
    co_return name_info{std::move(found.host), std::move(found.service)};
}

}  // namespace

coroutine<std::vector<address_info>> event_loop::getaddrinfo(std::string host, int port) {
    return getaddrinfo(std::move(host), port, getaddrinfo_options());
}
coroutine<std::vector<address_info>> event_loop::getaddrinfo(std::string host, int port,
                                                             const getaddrinfo_options& options) {
    const std::uint16_t checked = detail::check_port("getaddrinfo", port);
    return getaddrinfo(std::move(host), std::to_string(checked), options);
}
coroutine<std::vector<address_info>> event_loop::getaddrinfo(std::string host,
                                                             std::string service) {
    return getaddrinfo(std::move(host), std::move(service), getaddrinfo_options());
}
coroutine<std::vector<address_info>> event_loop::getaddrinfo(std::string host, std::string service,
                                                             const getaddrinfo_options& options) {
    return look_up(*this, lookup(std::move(host), std::move(service), options));
}

coroutine<name_info> event_loop::getnameinfo(const socket_address& address) {
    return getnameinfo(address, numeric_names::neither);
}
coroutine<name_info> event_loop::getnameinfo(const socket_address& address, numeric_names numeric) {
    return look_up_names(*this, address, numeric);
}

}  // namespace asyncio
