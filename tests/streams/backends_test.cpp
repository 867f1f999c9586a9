// Connections on a kernel that refuses io_uring, at once or in the middle, and on a loop that moves
// from thread to thread.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"

namespace backends_test {

using asyncio::backend_choice;
using asyncio::coroutine;
using asyncio::new_event_loop;
using loopback::echo;

constexpr asyncio::loop_options with_ring{.backend = backend_choice::io_uring};

/// From now on the kernel answers this system call with an error.
void deny(unsigned number, unsigned error) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{sizeof program / sizeof program[0], program};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        std::perror("seccomp");
        std::exit(2);
    }
}

/// Sends text of each size there and back.
coroutine<> exchange(asyncio::connection& c) {
    for (const std::size_t size : {1u, 64u, 5000u, 300'000u}) {
        const std::string text(size, static_cast<char>('a' + size % 26));
        c.writer.write(text);
        const std::string answer = co_await c.reader.readexactly(size);
        if (answer != text) throw std::runtime_error("the answer is another one");
    }
}

coroutine<std::string> serve_and_ask(unsigned denied_then) {
    asyncio::server server = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    asyncio::connection c = co_await asyncio::open_connection("127.0.0.1", server.port());
    co_await exchange(c);
    if (denied_then != 0) {
        deny(denied_then, EPERM);
        co_await exchange(c);
    }
    c.writer.close();
    server.close();
    co_await server.wait_closed();
    co_return asyncio::get_running_loop().backend();
}

/// Ends the process: 0 if connections work and the loop calls its backend `name`.
[[noreturn]] void expect_backend(const std::string& name, unsigned denied_then = 0) {
    const auto loop = new_event_loop(with_ring);
    const std::string before = loop->backend();
    const std::string after = loop->run_until_complete(serve_and_ask(denied_then));
    const bool right = after == name && (denied_then != 0 || before == name);
    if (!right) std::fprintf(stderr, "'%s', then '%s'\n", before.c_str(), after.c_str());
    std::exit(right ? 0 : 1);
}

[[noreturn]] void run_without_setup(unsigned error, const std::string& name) {
    deny(__NR_io_uring_setup, error);
    expect_backend(name);
}

[[noreturn]] void run_without_memory() {
    // Who may lock memory has no limit.
    if (::geteuid() == 0 && ::setuid(65534) != 0) std::exit(2);
    const rlimit nothing{0, 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &nothing) != 0) std::exit(2);
    expect_backend(new_event_loop(with_ring)->backend());
}

class denied : public ::testing::Test {
   protected:
    denied() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }  // a process that never had one
};
using ::testing::ExitedWithCode;

TEST_F(denied, by_a_filter) {
    EXPECT_EXIT(run_without_setup(EPERM,
                                  "epoll (io_uring refused: Operation not permitted; seccomp or "
                                  "kernel.io_uring_disabled)"),
                ExitedWithCode(0), "");
}

TEST_F(denied, by_an_old_kernel) {
    EXPECT_EXIT(run_without_setup(ENOSYS,
                                  "epoll (io_uring refused: Function not implemented; it needs "
                                  "Linux 6.1)"),
                ExitedWithCode(0), "");
}

TEST_F(denied, for_want_of_memory) {
    EXPECT_EXIT(run_without_setup(ENOMEM,
                                  "epoll (io_uring refused: Cannot allocate memory; "
                                  "RLIMIT_MEMLOCK)"),
                ExitedWithCode(0), "");
    EXPECT_EXIT(run_without_memory(), ExitedWithCode(0), "");
}

// A process may lock itself in while it runs.
TEST_F(denied, while_connections_are_open) {
    if (new_event_loop(with_ring)->backend() != "io_uring") GTEST_SKIP() << "it always is, here";
    EXPECT_EXIT(expect_backend("epoll (io_uring refused: Operation not permitted; seccomp or "
                               "kernel.io_uring_disabled)",
                               __NR_io_uring_enter),
                ExitedWithCode(0), "");
}

// ---- threads ----

/// That a loop ends with tasks left is no news here.
void ignore(asyncio::event_loop&, const asyncio::exception_context&) {}

coroutine<asyncio::server> open_server() {
    co_return co_await asyncio::start_server(echo, "127.0.0.1", 0);
}
coroutine<asyncio::connection> connect(int port) {
    co_return co_await asyncio::open_connection("127.0.0.1", port);
}

TEST(a_loop, moves_from_thread_to_thread) {
    for (const auto choice : {backend_choice::epoll, backend_choice::io_uring}) {
        const auto loop = new_event_loop({.backend = choice});
        loop->set_exception_handler(&ignore);
        std::vector<asyncio::connection> open;
        asyncio::server server = loop->run_until_complete(open_server());
        const auto use = [&] {
            for (asyncio::connection& c : open) loop->run_until_complete(exchange(c));
            open.push_back(loop->run_until_complete(connect(server.port())));
            loop->run_until_complete(exchange(open.back()));
        };
        use();
        std::thread(use).join();
        use();
        std::thread one(use);
        one.join();
        std::thread([&] { loop->close(); }).join();
        EXPECT_TRUE(loop->is_closed());
    }
}

// The port is free, and the peer sees the end, at once.
TEST(a_loop, closes_in_another_thread_than_it_ran_in) {
    for (const auto choice : {backend_choice::epoll, backend_choice::io_uring}) {
        const auto clients = new_event_loop({.backend = choice});
        const auto loop = new_event_loop({.backend = choice});
        loop->set_exception_handler(&ignore);
        int port = 0;
        std::optional<asyncio::server> server;
        std::thread runner([&] {
            server.emplace(loop->run_until_complete(open_server()));
            port = server->port();
        });
        runner.join();
        asyncio::connection c = clients->run_until_complete(connect(port));
        std::thread([&] {
            loop->run_until_complete(asyncio::sleep(std::chrono::milliseconds(2)));
        }).join();
        loop->close();
        const std::string rest = clients->run_until_complete(c.reader.read());
        EXPECT_EQ(rest, "");
    }
}

}  // namespace backends_test
