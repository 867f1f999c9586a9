#include "sys/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace asyncio::detail {

namespace {

/// Whole pages, and a quarter more than asked for, so that growing step by step is cheap.
std::size_t rounded(std::size_t size) noexcept {
    constexpr std::size_t unit = std::size_t{64} << 10;
    return (size + size / 4 + unit - 1) / unit * unit;
}

}  // namespace

shared_memory::~shared_memory() {
    if (data_ != nullptr) ::munmap(data_, size_);
}

int shared_memory::create(std::size_t size) noexcept {
    file_ = descriptor(::memfd_create("asyncio-call", MFD_CLOEXEC));
    if (!file_) return errno;
    return grow(size);
}

int shared_memory::open(descriptor file, std::size_t size) noexcept {
    file_ = std::move(file);
    return map(size);
}

int shared_memory::grow(std::size_t size) noexcept {
    if (size <= size_) return 0;
    size = rounded(std::max<std::size_t>(size, 1));
    // fallocate, not ftruncate: a system without memory says so here and not by a signal later.
    if (const int error = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(size)); error != 0)
        return error;
    return map(size);
}

int shared_memory::follow(std::size_t size) noexcept { return size <= size_ ? 0 : map(size); }

int shared_memory::map(std::size_t size) noexcept {
    void* at = data_ == nullptr ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                         MAP_SHARED | MAP_POPULATE, file_.get(), 0)
                                : ::mremap(data_, size_, size, MREMAP_MAYMOVE);
    if (at == MAP_FAILED) return errno;
    data_ = static_cast<char*>(at);
    size_ = size;
    return 0;
}

}  // namespace asyncio::detail
