// EXPECT: set_result takes a value of the future's type
#include <asyncio/asyncio.hpp>

void set(const asyncio::future<int>& f) { f.set_result("text"); }
