// EXPECT: run_main's function returns a coroutine
#include <asyncio/asyncio.hpp>

int main_task() { return 0; }

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
