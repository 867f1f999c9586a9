// Which place in the source an address belongs to. For reports only: the first call reads the
// program's debug info.
#pragma once

#include <string>
#include <vector>

namespace asyncio::detail {

struct source_place {
    std::string function;  // as the program's symbols name it; empty if unknown
    std::string file;      // empty without debug info
    int line = 0;
};

/// The places of the instruction at `pc`, innermost first: more than one where calls were inlined.
/// Empty if nothing is known. Any thread; never throws.
[[nodiscard]] std::vector<source_place> symbolize(const void* pc) noexcept;

}  // namespace asyncio::detail
