// What an event loop keeps for descriptors and signals that its user watches.
#pragma once

#include <map>
#include <unordered_map>

#include "asyncio/loop/handle.hpp"
#include "asyncio/sys/backend.hpp"

namespace asyncio::detail {

class fd_watch final : public io_source {
   public:
    fd_watch(backend& outside, int descriptor) noexcept
        : io_source(descriptor), outside_(outside) {}
    void on_ready(unsigned events) noexcept override;
    [[nodiscard]] unsigned events() const noexcept {
        return (reader ? io_read : 0u) | (writer ? io_write : 0u);
    }
    ref<handle_state> reader;
    ref<handle_state> writer;

   private:
    void queue(ref<handle_state>& place) noexcept;
    backend& outside_;
};

struct loop_private {
    std::unordered_map<int, fd_watch> watches;
    std::map<int, ref<handle_state>> signals;
};

}  // namespace asyncio::detail
