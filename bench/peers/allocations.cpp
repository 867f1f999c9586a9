// Counts the allocations of a program that runs with LD_PRELOAD=libbench_allocations.so, in the 8
// bytes of the file that BENCH_ALLOCATIONS names: from outside, whoever wrote the program.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

// glibc's own names of what is replaced here.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* p, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

std::atomic<std::uint64_t> nowhere{0};
std::atomic<std::atomic<std::uint64_t>*> counter{&nowhere};

void count() noexcept { counter.load(std::memory_order_relaxed)->fetch_add(1); }

[[gnu::constructor]] void begin() {
    const char* path = std::getenv("BENCH_ALLOCATIONS");
    const int fd = path != nullptr ? ::open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void* shared =
        ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (shared != MAP_FAILED) counter = static_cast<std::atomic<std::uint64_t>*>(shared);
}

}  // namespace

extern "C" {

[[gnu::visibility("default")]] void* malloc(std::size_t size) {
    count();
    return __libc_malloc(size);
}
[[gnu::visibility("default")]] void* calloc(std::size_t n, std::size_t size) {
    count();
    return __libc_calloc(n, size);
}
[[gnu::visibility("default")]] void* realloc(void* p, std::size_t size) {
    count();
    return __libc_realloc(p, size);
}
[[gnu::visibility("default")]] void* memalign(std::size_t alignment, std::size_t size) {
    count();
    return __libc_memalign(alignment, size);
}
[[gnu::visibility("default")]] void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return memalign(alignment, size);
}

}  // extern "C"
