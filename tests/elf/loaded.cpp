// Calls of functions in a shared object that is loaded after the pool was made, and unloaded.
#include <dlfcn.h>

#include <asyncio/process_pool.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "support/check.hpp"

namespace {

template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const std::exception& e) {
        return e.what();
    }
    return {};
}

bool says(const std::string& text, const char* words) {
    if (text.find(words) != std::string::npos) return true;
    std::fprintf(stderr, "it says: %s\n", text.c_str());
    return false;
}

}  // namespace

int main(int, char** argv) {
    asyncio::process_pool_executor pool(1);
    support::check(pool.submit([] { return 1; }).result() == 1);
    void* plugin = dlopen(argv[1], RTLD_NOW);
    if (plugin == nullptr) std::fprintf(stderr, "%s\n", dlerror());
    support::check(plugin != nullptr);

    const auto cube = reinterpret_cast<int (*)(int)>(dlsym(plugin, "cube"));
    support::check(pool.submit(cube, 3).result() == 27);
    using calls = int (*)(asyncio::process_pool_executor&, int);
    const auto call = reinterpret_cast<calls>(dlsym(plugin, "cube_in_a_process"));
    support::check(call(pool, 4) == 64);

    // The processes cannot load what is gone.
    std::remove(argv[1]);
    const int pid = pool.worker_pids().at(0);
    const auto die = [] { std::abort(); };
    support::check(says(error_of([&] { pool.submit(die).result(); }), "SIGABRT"));
    support::check(pool.submit([] { return 1; }).result() == 1);
    support::check(pool.worker_pids().at(0) != pid);
    support::check(says(error_of([&] { pool.submit(cube, 3).result(); }),
                        "the process cannot find the function to call: "));

    support::check(dlclose(plugin) == 0);
    support::check(says(error_of([&] { pool.submit(cube, 3).result(); }),
                        "this function is in no module that is loaded"));
}
