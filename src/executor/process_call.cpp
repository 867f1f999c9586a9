#include "asyncio/executor/process_call.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "executor/process_pool.hpp"
#include "sys/code_place.hpp"

namespace asyncio::detail {

process_call::process_call(std::shared_ptr<process_pool> where, const process_call_options& how)
    : options(how), parcel(std::make_unique<process_parcel>()), pool_(std::move(where)) {}

process_call::~process_call() = default;

char* process_call::request(process_stub stub, std::size_t size) {
    pool_->check_usable("process_pool_executor");
    const auto* const code = reinterpret_cast<const void*>(stub);
    return write_code(pool_->request_room(*parcel, size_of_code(code) + size), code);
}

void process_call::start(event_loop* loop) { pool_->start(*this, loop); }

void process_call::drop() noexcept { pool_->cancel(*this); }

// ---- Code ---------------------------------------------------------------------------------------

namespace {

struct code_header {
    std::uint64_t offset;
    std::uint32_t path;
    std::uint32_t build_id;
};

code_place place_of(const void* address) {
    code_place place;
    if (!find_code(address, place))
        throw std::invalid_argument(
            "asyncio: this function is in no module that is loaded (its shared object was closed, "
            "or it was made at run time): another process cannot find it");
    return place;
}

}  // namespace

std::size_t size_of_code(const void* address) {
    const code_place place = place_of(address);
    return sizeof(code_header) + place.path.size() + place.build_id.size();
}

char* write_code(char* to, const void* address) {
    const code_place place = place_of(address);
    const code_header header{place.offset, static_cast<std::uint32_t>(place.path.size()),
                             static_cast<std::uint32_t>(place.build_id.size())};
    std::memcpy(to, &header, sizeof header);
    to = std::copy(place.path.begin(), place.path.end(), to + sizeof header);
    return std::copy(place.build_id.begin(), place.build_id.end(), to);
}

const void* read_code(std::span<const char>& from) {
    code_header header{};
    if (from.size() < sizeof header) throw_bytes_missing();
    std::memcpy(&header, from.data(), sizeof header);
    from = from.subspan(sizeof header);
    if (from.size() < std::size_t{header.path} + header.build_id) throw_bytes_missing();
    const code_place place{std::string(from.data(), header.path),
                           std::string(from.data() + header.path, header.build_id), header.offset};
    from = from.subspan(std::size_t{header.path} + header.build_id);
    std::string problem;
    if (const void* address = load_code(place, problem)) return address;
    throw std::runtime_error("asyncio: the process cannot find the function to call: " + problem);
}

void throw_bytes_missing() {
    throw std::runtime_error(
        "asyncio: a value sent between processes has other bytes than were written: its save and "
        "load do not fit");
}

void throw_bytes_left() {
    throw std::runtime_error(
        "asyncio: a value sent between processes has more bytes than were read: its save and load "
        "do not fit");
}

void throw_null_string() {
    throw std::invalid_argument(
        "asyncio: a null pointer cannot be sent to another process as a string");
}

}  // namespace asyncio::detail
