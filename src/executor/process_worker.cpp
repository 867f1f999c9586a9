// The life of a worker process.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/executor/process_call.hpp"
#include "executor/process_protocol.hpp"
#include "sys/packets.hpp"
#include "sys/shared_memory.hpp"

namespace asyncio::detail {

namespace {

/// Shared memory that came with calls: the pool uses it again and again.
class memory_cache {
   public:
    /// Null if it cannot be mapped.
    shared_memory* find(const call_header& call, descriptor file) noexcept {
        for (entry& e : entries_)
            if (e.number == call.memory)
                return e.memory.follow(call.memory_size) == 0 ? &e.memory : nullptr;
        shared_memory memory;
        if (memory.open(std::move(file), call.memory_size) != 0) return nullptr;
        constexpr std::size_t most = 4;
        if (entries_.size() == most) entries_.pop_front();
        entries_.push_back({call.memory, std::move(memory)});
        return &entries_.back().memory;
    }

    /// Keeps no more than the pool does.
    void trim() noexcept {
        std::size_t size = 0;
        for (const entry& e : entries_) size += e.memory.size();
        while (size > most_spare_memory) {
            size -= entries_.front().memory.size();
            entries_.pop_front();
        }
    }

   private:
    struct entry {
        std::uint64_t number;
        shared_memory memory;
    };
    std::deque<entry> entries_;
};

class running_call final : public process_job {
   public:
    running_call(const call_header& header, std::span<const char> arguments, shared_memory* memory)
        : process_job(arguments), header_(header), memory_(memory) {}

    void begin() override {
        if (const int error = begin_limits(header_.limits); error != 0)
            throw std::system_error(error, std::generic_category(),
                                    "asyncio: the limits of a call cannot be set");
        limited_ = true;
    }
    void end() noexcept override {
        if (std::exchange(limited_, false)) end_limits(header_.limits);
    }
    char* reply(std::size_t size) override {
        check_message_size("the result of a call has", size, header_.max_result);
        reply_.size = size;
        if (size <= most_packed) {
            reply_.place = reply_place::packed;
            packed_.resize(size);
            return packed_.data();
        }
        reply_.place =
            memory_ != nullptr ? reply_place::in_memory_of_call : reply_place::in_new_memory;
        if (memory_ == nullptr) memory_ = &own_;
        const int error = memory_->file() < 0 ? memory_->create(size) : memory_->grow(size);
        if (error != 0)
            throw std::system_error(error, std::generic_category(),
                                    "asyncio: no shared memory for the result of a call");
        return memory_->data();
    }

    /// The error takes the place of the result.
    void fail(const std::exception_ptr& error) {
        std::string bytes = pack_exception(error);
        header_.max_result = ~std::uint64_t{0};
        reply_.kind = reply_kind::error;
        std::memcpy(reply(bytes.size()), bytes.data(), bytes.size());
    }
    bool send(int socket) noexcept {
        reply_.id = header_.id;
        const bool packed = reply_.place == reply_place::packed;
        reply_.memory_size = packed ? 0 : memory_->size();
        const const_chunk chunks[] = {{&reply_, sizeof reply_}, {packed_.data(), packed_.size()}};
        const int file = reply_.place == reply_place::in_new_memory ? memory_->file() : -1;
        return send_packet(socket, std::span(chunks).first(packed ? 2 : 1),
                           std::span(&file, file >= 0 ? 1 : 0), packet_wait::as_long_as_it_takes)
            .ok();
    }

   private:
    call_header header_;
    reply_header reply_;
    shared_memory* memory_;
    shared_memory own_;
    std::string packed_;
    bool limited_ = false;
};

class worker {
   public:
    explicit worker(int socket) noexcept
        : socket_(socket), buffer_(most_packed + sizeof(call_header)) {}

    void run() {
        while (take_call()) {
        }
    }

   private:
    bool take_call() {
        packet_descriptors files;
        const sys_result got =
            receive_packet(socket_, buffer_, files, packet_wait::as_long_as_it_takes);
        call_header header;
        const bool no_descriptor_left = got.error == EMSGSIZE;
        if (!got.ok() && !no_descriptor_left) return false;
        if (got.value < static_cast<std::int64_t>(sizeof header)) return false;
        std::memcpy(&header, buffer_.data(), sizeof header);
        shared_memory* memory = nullptr;
        std::span<const char> request;
        if (header.memory != 0) memory = memories_.find(header, std::move(files.first));
        if (header.packed != 0)
            request = std::span(buffer_).subspan(sizeof header, header.packed);
        else if (memory != nullptr)
            request = {memory->data(), header.size};
        const bool sent = make_call(header, request, memory);
        memories_.trim();
        // The result is on its way; what the call has printed must not wait for the next one.
        std::cout.flush();
        std::fflush(stdout);
        return sent;
    }

    bool make_call(const call_header& header, std::span<const char> request,
                   shared_memory* memory) {
        std::exception_ptr error;
        std::span<const char> arguments = request;
        process_stub stub = nullptr;
        try {
            if (request.empty())
                throw std::runtime_error(
                    "asyncio: the process cannot map the shared memory of a call's arguments");
            stub = reinterpret_cast<process_stub>(const_cast<void*>(read_code(arguments)));
        } catch (...) {
            error = std::current_exception();
        }
        running_call call(header, arguments, memory);
        if (!error) try {
                stub(call);
            } catch (...) {
                error = std::current_exception();
            }
        call.end();
        if (error) call.fail(error);
        return call.send(socket_);
    }

    int socket_;
    std::vector<char> buffer_;
    memory_cache memories_;
};

}  // namespace

void run_worker(int socket) noexcept { worker(socket).run(); }

}  // namespace asyncio::detail
