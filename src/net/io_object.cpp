#include "asyncio/net/io_object.hpp"

#include <exception>
#include <system_error>
#include <utility>

#include "asyncio/net/address.hpp"

namespace asyncio::detail {

io_object::io_object(event_loop* loop) : io_source(-1), loop_(loop) {
    if (loop != nullptr) (void)network::of(*loop);
}

void io_object::open(int descriptor) noexcept {
    fd = descriptor;
    link();
}

void io_object::link() noexcept {
    static_cast<network&>(*loop().slots[event_loop::network_slot]).objects.push_back(*this);
}

bool io_object::enter_queue() noexcept {
    if (std::exchange(queued_, true)) return false;
    if (!is_open()) link();
    add_ref();
    return true;
}

io_object::~io_object() { close_descriptor(); }

void io_object::on_ready(unsigned events) noexcept {
    if ((events & io_read) != 0 && reader != nullptr) retry(*reader);
    if ((events & io_write) != 0 && writer != nullptr) retry(*writer);
}

void io_object::end_descriptor(void (backend::*end)(int)) noexcept {
    if (fd < 0) return;
    if (!queued_) list_hook::unlink();  // a queue that is dropped gives no reference back
    outside().detach(*this);
    (outside().*end)(std::exchange(fd, -1));
    for (io_operation* op : {reader, writer}) {
        if (op == nullptr) continue;
        op->closed();
        finish(*op);
    }
}

network::~network() {
    while (!objects.empty()) objects.pop_front().loop_closed();
}

network& network::of(event_loop& loop) {
    auto& slot = loop.slots[event_loop::network_slot];
    if (!slot) {
        loop.check_usable("a socket");
        slot = std::make_unique<network>();
    }
    return static_cast<network&>(*slot);
}

std::exception_ptr make_io_error(int error, const std::string& what) {
    return std::make_exception_ptr(
        std::system_error(error, std::generic_category(), "asyncio: " + what));
}

void throw_io_error(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), "asyncio: " + what);
}

std::string peer_text(const raw_address& a) { return socket_address(a).to_string(); }

}  // namespace asyncio::detail
