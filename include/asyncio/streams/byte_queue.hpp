// Bytes that wait between two who are not equally fast.
#pragma once

#include <cstddef>
#include <string_view>

namespace asyncio::detail {

/// Bytes that come in at the end and leave at the beginning. Has memory only while it has bytes: a
/// pointer, when it is empty.
class byte_queue {
   public:
    byte_queue() noexcept = default;
    byte_queue(const byte_queue&) = delete;
    byte_queue& operator=(const byte_queue&) = delete;
    ~byte_queue() { clear(); }

    [[nodiscard]] std::string_view view() const noexcept {
        return block_ == nullptr ? std::string_view()
                                 : std::string_view(bytes(*block_) + block_->begin, size());
    }
    [[nodiscard]] std::size_t size() const noexcept {
        return block_ == nullptr ? 0 : block_->end - block_->begin;
    }
    [[nodiscard]] bool empty() const noexcept { return block_ == nullptr; }
    /// Throws std::bad_alloc; then nothing has changed.
    void append(std::string_view data);
    void drop(std::size_t n) noexcept {
        if (n == 0) return;
        block_->begin += n;
        if (block_->begin == block_->end) clear();
    }
    void clear() noexcept;

   private:
    /// The bytes follow it.
    struct block {
        std::size_t capacity;
        std::size_t begin;
        std::size_t end;
    };
    [[nodiscard]] static char* bytes(block& b) noexcept { return reinterpret_cast<char*>(&b + 1); }
    void make_room(std::size_t n);
    block* block_ = nullptr;  ///< null: empty
};

}  // namespace asyncio::detail
