// EXPECT-EXIT: 1
// EXPECT-STDERR: cannot be watched (a regular file is always ready: read it in a thread, with
// EXPECT-STDERR: to_thread)
#include <asyncio/asyncio.hpp>
#include <cstdio>

asyncio::coroutine<> main_task() {
    std::FILE* file = std::tmpfile();
    asyncio::get_running_loop().add_reader(::fileno(file), [] {});
    co_return;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
