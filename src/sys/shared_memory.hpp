// shared_memory: a piece of memory that several processes see, named by a descriptor.
#pragma once

#include <cstddef>
#include <utility>

#include "sys/descriptor.hpp"

namespace asyncio::detail {

class shared_memory {
   public:
    shared_memory() noexcept = default;
    shared_memory(shared_memory&& o) noexcept
        : file_(std::move(o.file_)),
          data_(std::exchange(o.data_, nullptr)),
          size_(std::exchange(o.size_, 0)) {}
    shared_memory& operator=(shared_memory o) noexcept {
        std::swap(file_, o.file_);
        std::swap(data_, o.data_);
        std::swap(size_, o.size_);
        return *this;
    }
    ~shared_memory();

    /// New memory. errno or 0.
    int create(std::size_t size) noexcept;
    /// The memory behind a descriptor that came from another process.
    int open(descriptor file, std::size_t size) noexcept;
    /// Makes it at least that large; it may move.
    int grow(std::size_t size) noexcept;
    /// Another process has made it that large.
    int follow(std::size_t size) noexcept;

    [[nodiscard]] char* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] int file() const noexcept { return file_.get(); }
    explicit operator bool() const noexcept { return data_ != nullptr; }

   private:
    int map(std::size_t size) noexcept;
    descriptor file_;
    char* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace asyncio::detail
