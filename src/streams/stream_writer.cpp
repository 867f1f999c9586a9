#include "asyncio/streams/stream_writer.hpp"

#include <algorithm>
#include <stdexcept>

namespace asyncio {

const detail::ref<detail::stream_state>& stream_writer::checked() const {
    if (!state_)
        detail::throw_invalid_state("asyncio: this stream_writer is empty: it was moved from");
    return state_;
}

void stream_writer::write_chunks(std::span<const detail::const_chunk> chunks) const {
    constexpr std::size_t chunks_per_call = 64;
    while (!chunks.empty()) {
        const std::size_t n = std::min(chunks.size(), chunks_per_call);
        checked()->write(chunks.first(n));
        chunks = chunks.subspan(n);
    }
}

socket_address stream_writer::sockname() const {
    detail::raw_address a;
    detail::stream_state& s = *checked();
    if (s.is_open()) (void)s.outside().local_address(s.fd, a);
    return socket_address(a);
}

std::optional<socket_address> stream_writer::get_extra_info(std::string_view name) const {
    if (name == "peername") return peername();
    if (name == "sockname") return sockname();
    return std::nullopt;
}

void stream_writer::set_write_buffer_limits(std::size_t high, std::size_t low) const {
    if (low > high)
        throw std::invalid_argument("asyncio: set_write_buffer_limits: low must not be above high");
    checked()->set_water(high, low);
}

}  // namespace asyncio
