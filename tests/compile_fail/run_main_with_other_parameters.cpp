// EXPECT: run_main's function takes nothing, or a std::vector<std::string> with the arguments
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> main_task(int, char**) { co_return 0; }

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
