// How one type of exception travels between processes.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>

namespace asyncio::detail {

struct sent_exception {
    const std::type_info* type;
    std::string (*write)(const std::exception_ptr&);
    std::exception_ptr (*read)(std::string_view);
};
void register_sent_exception(const sent_exception& e);

}  // namespace asyncio::detail
