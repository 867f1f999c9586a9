// EXPECT: run_in_threads takes the function itself
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> serve() { co_return; }

asyncio::coroutine<> amain() { co_await asyncio::run_in_threads({.threads = 2}, serve()); }

int main() { asyncio::run(amain()); }
