// EXPECT: use std::ref to refer to something that outlives the task
#include <asyncio/asyncio.hpp>
#include <string>

asyncio::coroutine<> fill(std::string& text) {
    text = "x";
    co_return;
}

void start(std::string& text) { (void)asyncio::create_task(fill, text); }
