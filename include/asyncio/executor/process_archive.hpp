// How values travel to other processes and back: serialised by cereal (libcereal-dev).
#pragma once

#if !__has_include(<cereal/cereal.hpp>)
#error "asyncio's process pool needs cereal, the serialiser: apt-get install libcereal-dev"
#endif

#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/vector.hpp>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "asyncio/executor/process_call.hpp"

namespace asyncio::detail {

/// The archive that serialises what is sent to another process. Types say how in cereal's way:
/// `template <class Archive> void serialize(Archive& a) { a(each, member); }`.
class process_writer
    : public cereal::OutputArchive<process_writer, cereal::AllowEmptyClassElision> {
   public:
    /// Counts the bytes only.
    process_writer() : OutputArchive(this) {}
    /// Writes them.
    process_writer(char* to, std::size_t room) : OutputArchive(this), at_(to), room_(room) {}

    void bytes(const void* data, std::size_t size) {
        if (at_ != nullptr) {
            if (size > room_ - size_) throw_bytes_missing();
            if (size != 0) std::memcpy(at_ + size_, data, size);
        }
        size_ += size;
    }
    void code(const void* address) {
        const std::size_t size = size_of_code(address);
        if (at_ != nullptr) {
            if (size > room_ - size_) throw_bytes_missing();
            write_code(at_ + size_, address);
        }
        size_ += size;
    }
    /// How many there were so far.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

   private:
    char* at_ = nullptr;
    std::size_t room_ = 0;
    std::size_t size_ = 0;
};

/// The archive that reads it there.
class process_reader : public cereal::InputArchive<process_reader, cereal::AllowEmptyClassElision> {
   public:
    explicit process_reader(std::span<const char> from) : InputArchive(this), left_(from) {}

    void bytes(void* data, std::size_t size) {
        if (size > left_.size()) throw_bytes_missing();
        if (size != 0) std::memcpy(data, left_.data(), size);
        left_ = left_.subspan(size);
    }
    const void* code() { return read_code(left_); }
    /// Everything should have been read.
    void finish() const {
        if (!left_.empty()) throw_bytes_left();
    }

   private:
    std::span<const char> left_;
};

template <class T>
    requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(process_writer& archive, const T& value) {
    archive.bytes(&value, sizeof value);
}
template <class T>
    requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(process_reader& archive, T& value) {
    archive.bytes(&value, sizeof value);
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(process_writer& archive, const cereal::BinaryData<T>& data) {
    archive.bytes(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(process_reader& archive, cereal::BinaryData<T>& data) {
    archive.bytes(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(process_writer& archive, cereal::NameValuePair<T>& pair) {
    archive(pair.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(process_reader& archive, cereal::NameValuePair<T>& pair) {
    archive(pair.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(process_writer& archive, cereal::SizeTag<T>& tag) {
    archive(tag.size);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(process_reader& archive, cereal::SizeTag<T>& tag) {
    archive(tag.size);
}

template <class T>
inline constexpr bool is_function_pointer =
    std::is_pointer_v<T> && std::is_function_v<std::remove_pointer_t<T>>;

/// Nothing but its type, as a lambda without captures is.
template <class T>
concept bare = std::is_class_v<T> && std::is_empty_v<T>;

template <class T>
inline constexpr bool is_reference_wrapper = false;
template <class T>
inline constexpr bool is_reference_wrapper<std::reference_wrapper<T>> = true;
template <class T>
inline constexpr bool is_span = false;
template <class T, std::size_t N>
inline constexpr bool is_span<std::span<T, N>> = true;

/// Whether cereal can write and read it, with all that it holds.
template <class T>
struct serialisable
    : std::bool_constant<cereal::traits::is_output_serializable<T, process_writer>::value &&
                         cereal::traits::is_input_serializable<T, process_reader>::value> {};
template <class T>
struct serialisable<T*> : std::false_type {};
template <class T>
struct serialisable<const T> : serialisable<T> {};
template <class T>
    requires(!std::is_same_v<typename T::value_type, T>) && requires(T& t) { t.begin(); }
struct serialisable<T>
    : std::bool_constant<cereal::traits::is_output_serializable<T, process_writer>::value &&
                         cereal::traits::is_input_serializable<T, process_reader>::value &&
                         serialisable<typename T::value_type>::value> {};
template <class A, class B>
struct serialisable<std::pair<A, B>>
    : std::bool_constant<serialisable<A>::value && serialisable<B>::value> {};
template <class... T>
struct serialisable<std::tuple<T...>> : std::bool_constant<(serialisable<T>::value && ...)> {};
template <class T>
struct serialisable<std::optional<T>> : serialisable<T> {};

template <class T>
inline constexpr bool sent_by_type = is_function_pointer<T> || bare<T>;
template <class T>
concept sendable = (sent_by_type<T> || serialisable<T>::value) &&
                   (std::is_default_constructible_v<T> || is_function_pointer<T>);

/// Refuses what cannot be sent, with the fix.
template <class T>
constexpr void check_sendable() {
    if constexpr (sendable<T>) {
        return;
    } else if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T>) {
        static_assert(sendable<T>,
                      "a pointer means nothing in another process: send what it points to, as a "
                      "std::string, a std::vector or a value");
    } else if constexpr (is_reference_wrapper<T>) {
        static_assert(sendable<T>,
                      "std::ref refers to memory of this process: send a value, and return what "
                      "has changed");
    } else if constexpr (is_span<T> || std::is_same_v<T, std::string_view>) {
        static_assert(sendable<T>,
                      "a view refers to memory of one process: send or return a std::vector or a "
                      "std::string");
    } else if constexpr (requires { &T::operator(); } && !serialisable<T>::value) {
        static_assert(sendable<T>,
                      "a lambda with captures cannot be sent to another process: pass what it "
                      "captures as arguments");
    } else if constexpr (serialisable<T>::value) {
        static_assert(sendable<T>,
                      "this type needs a default constructor to be sent to another process, "
                      "because it is made before it is read");
    } else {
        static_assert(sendable<T>,
                      "this type cannot be sent to another process: give it template <class "
                      "Archive> void serialize(Archive& a) { a(each, member); }, or include "
                      "cereal's header for it, <cereal/types/...>");
    }
}

/// As what an argument is sent: a value of its own.
template <class T>
struct sent_as {
    using type = std::decay_t<T>;
};
template <class T>
    requires std::is_same_v<std::decay_t<T>, const char*> ||
             std::is_same_v<std::decay_t<T>, char*> ||
             std::is_same_v<std::decay_t<T>, std::string_view>
struct sent_as<T> {
    using type = std::string;
};
template <class T>
using sent_as_t = typename sent_as<T>::type;

template <class T>
void send(process_writer& to, const T& value) {
    if constexpr (is_function_pointer<std::decay_t<T>>) {
        to.code(reinterpret_cast<const void*>(static_cast<std::decay_t<T>>(value)));
    } else if constexpr (std::is_same_v<std::decay_t<T>, const char*> ||
                         std::is_same_v<std::decay_t<T>, char*>) {
        const char* const text = value;
        if (text == nullptr) throw_null_string();
        to(std::string(text));
    } else if constexpr (std::is_same_v<T, std::string_view>) {
        to(std::string(value));
    } else if constexpr (!bare<T>) {
        to(value);
    }
}

template <class T>
void receive(process_reader& from, T& value) {
    if constexpr (is_function_pointer<T>) {
        value = reinterpret_cast<T>(const_cast<void*>(from.code()));
    } else if constexpr (!bare<T>) {
        from(value);
    }
}

}  // namespace asyncio::detail

CEREAL_SETUP_ARCHIVE_TRAITS(asyncio::detail::process_reader, asyncio::detail::process_writer)
