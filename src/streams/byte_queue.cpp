#include "asyncio/streams/byte_queue.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "asyncio/base/memory.hpp"

namespace asyncio::detail {

void byte_queue::append(std::string_view data) {
    if (data.empty()) return;
    make_room(data.size());
    std::memcpy(bytes(*block_) + block_->end, data.data(), data.size());
    block_->end += data.size();
}

void byte_queue::clear() noexcept {
    if (block_ == nullptr) return;
    deallocate(block_, sizeof(block) + block_->capacity);
    block_ = nullptr;
}

/// So that `n` more bytes fit behind the last.
void byte_queue::make_room(std::size_t n) {
    const std::size_t have = size();
    if (block_ != nullptr) {
        if (block_->capacity - block_->end >= n) return;
        // Moved only when that frees as much as it moves: each byte moves once on average.
        if (block_->begin >= have && block_->capacity - have >= n) {
            std::memmove(bytes(*block_), bytes(*block_) + block_->begin, have);
            block_->begin = 0;
            block_->end = have;
            return;
        }
    }
    const std::size_t capacity = have + std::max(n, have);
    auto* b = new (allocate(sizeof(block) + capacity)) block{capacity, 0, have};
    if (have != 0) std::memcpy(bytes(*b), view().data(), have);
    clear();
    block_ = b;
}

}  // namespace asyncio::detail
