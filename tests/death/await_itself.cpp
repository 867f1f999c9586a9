// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: a task cannot await itself
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> main_task() { co_await asyncio::current_task(); }

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
