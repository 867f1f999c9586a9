// What an event loop keeps for descriptors and signals that its user watches.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>

#include "asyncio/loop/handle.hpp"
#include "asyncio/sys/backend.hpp"

namespace asyncio::detail {

class fd_watch final : public io_source {
   public:
    explicit fd_watch(int descriptor) noexcept : io_source(descriptor) {}
    void on_ready(unsigned events) noexcept override;
    [[nodiscard]] unsigned events() const noexcept {
        return (reader ? io_read : 0u) | (writer ? io_write : 0u);
    }
    ref<handle_state> reader;
    ref<handle_state> writer;
};

struct loop_private {
    std::unordered_map<int, std::unique_ptr<fd_watch>> watches;
    std::map<int, ref<handle_state>> signals;
};

}  // namespace asyncio::detail
