// EXPECT: run_main's function returns a coroutine of an exit code or of nothing
#include <asyncio/asyncio.hpp>
#include <string>

asyncio::coroutine<std::string> main_task() { co_return "done"; }

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
