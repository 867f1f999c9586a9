// Debug mode, three ways: an option of run, -X dev on the command line, ASYNCIODEBUG=1 in the
// environment. The option wins.
//
// EXPECT-STDOUT: run(main()): off
// EXPECT-STDOUT: run(main(), {.debug = true}): on
// EXPECT-STDOUT: program -X dev, with run_main: on
// EXPECT-STDOUT: ASYNCIODEBUG=1 program: on
// EXPECT-STDOUT: and with {.debug = false}: off
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

asyncio::coroutine<> say_mode(std::string how) {
    const bool on = asyncio::get_running_loop().get_debug();
    std::printf("  %s: %s\n", how.c_str(), on ? "on" : "off");
    co_return;
}

asyncio::coroutine<> async_main() { return say_mode("program -X dev, with run_main"); }

int main() {
    std::puts("Debug mode can be turned on in three ways.");
    ::unsetenv("ASYNCIODEBUG");
    asyncio::run(say_mode("run(main())"));
    asyncio::run(say_mode("run(main(), {.debug = true})"), {.debug = true});

    char program[] = "program", x[] = "-X", dev[] = "dev";
    char* command_line[] = {program, x, dev, nullptr};
    asyncio::run_main(3, command_line, async_main);  // what main(argc, argv) would pass on

    ::setenv("ASYNCIODEBUG", "1", 1);
    asyncio::run(say_mode("ASYNCIODEBUG=1 program"));
    asyncio::run(say_mode("and with {.debug = false}"), {.debug = false});
}
