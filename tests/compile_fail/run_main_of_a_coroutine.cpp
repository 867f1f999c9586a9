// EXPECT: run_main takes the function itself
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> main_task() { co_return 0; }

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task()); }
