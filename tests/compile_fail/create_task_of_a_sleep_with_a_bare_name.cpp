// EXPECT: create_task(c(), {.name = "worker"})
#include <asyncio/asyncio.hpp>

void start() { (void)asyncio::create_task(asyncio::sleep(std::chrono::seconds(1)), "worker"); }
