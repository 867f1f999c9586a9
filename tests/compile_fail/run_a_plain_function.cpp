// EXPECT: must return a coroutine
#include <asyncio/asyncio.hpp>

int main_task() { return 1; }

int main() { return asyncio::run(main_task); }
