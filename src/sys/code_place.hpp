// code_place: where a piece of code is, in words that another process of this program understands.
#pragma once

#include <cstdint>
#include <string>

namespace asyncio::detail {

/// An ELF module and an offset in it. The program itself has no path.
struct code_place {
    std::string path;
    std::string build_id;  ///< the linker's, as bytes; empty if it made none
    std::uint64_t offset = 0;
};

/// Finds the module that `address` lies in. False if it lies in none that is loaded.
[[nodiscard]] bool find_code(const void* address, code_place& out);
/// The address in this process; loads the module if it is not there yet. Null, and why not.
[[nodiscard]] const void* load_code(const code_place& place, std::string& problem);

}  // namespace asyncio::detail
