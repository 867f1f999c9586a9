#include "sys/code_place.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>

#include <cstddef>
#include <cstring>
#include <map>
#include <mutex>
#include <string_view>
#include <vector>

namespace asyncio::detail {

namespace {

struct module_range {
    std::uintptr_t from;
    std::uintptr_t to;
};

struct module {
    std::string path;
    std::string build_id;
    std::uintptr_t base = 0;
    std::vector<module_range> code;
};

std::string build_id_of(const char* at, std::size_t size) {
    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note{};
        std::memcpy(&note, at, sizeof note);
        const auto padded = [](std::size_t n) { return (n + 3) / 4 * 4; };
        const std::size_t name_at = sizeof note;
        const std::size_t content_at = name_at + padded(note.n_namesz);
        const std::size_t end = content_at + padded(note.n_descsz);
        if (end > size) break;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            std::memcmp(at + name_at, "GNU", 4) == 0)
            return {at + content_at, note.n_descsz};
        at += end;
        size -= end;
    }
    return {};
}

module described(const dl_phdr_info& info) {
    module m;
    m.path = info.dlpi_name != nullptr ? info.dlpi_name : "";
    m.base = info.dlpi_addr;
    for (int i = 0; i < info.dlpi_phnum; ++i) {
        const auto& header = info.dlpi_phdr[i];
        const std::uintptr_t at = info.dlpi_addr + header.p_vaddr;
        if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0)
            m.code.push_back({at, at + header.p_memsz});
        if (header.p_type == PT_NOTE && m.build_id.empty())
            m.build_id = build_id_of(reinterpret_cast<const char*>(at), header.p_memsz);
    }
    return m;
}

/// The modules of this process, read again only when some came or went.
class module_table {
   public:
    template <class F>
    auto use(F f) {
        const std::lock_guard lock(mutex_);
        unsigned long long now[2] = {};
        ::dl_iterate_phdr(
            [](dl_phdr_info* info, std::size_t, void* data) {
                auto* counts = static_cast<unsigned long long*>(data);
                counts[0] = info->dlpi_adds;
                counts[1] = info->dlpi_subs;
                return 1;
            },
            now);
        if (modules_.empty() || now[0] != adds_ || now[1] != subs_) {
            modules_.clear();
            found_.clear();
            ::dl_iterate_phdr(
                [](dl_phdr_info* info, std::size_t, void* data) {
                    static_cast<std::vector<module>*>(data)->push_back(described(*info));
                    return 0;
                },
                &modules_);
            // The first one is the program, whatever the system calls it.
            if (!modules_.empty()) modules_.front().path.clear();
            adds_ = now[0];
            subs_ = now[1];
        }
        return f(modules_, found_);
    }

   private:
    std::mutex mutex_;
    std::vector<module> modules_;
    std::map<const void*, code_place> found_;
    unsigned long long adds_ = 0;
    unsigned long long subs_ = 0;
};

module_table& table() {
    static module_table* const all = new module_table;  // threads may outlive static objects
    return *all;
}

/// Another process may have another directory of work.
std::string absolute(const std::string& path) {
    if (path.find('/') == std::string::npos) return path;
    char whole[PATH_MAX];
    return ::realpath(path.c_str(), whole) != nullptr ? std::string(whole) : path;
}

const void* find_loaded(const code_place& place) {
    return table().use([&place](const std::vector<module>& modules, auto&) -> const void* {
        const module* same = nullptr;
        for (const module& m : modules) {
            if (m.build_id != place.build_id) continue;
            if (m.path == place.path || absolute(m.path) == place.path) {
                same = &m;
                break;
            }
            if (same == nullptr && !m.build_id.empty()) same = &m;
        }
        if (same == nullptr) return nullptr;
        const std::uintptr_t at = same->base + place.offset;
        for (const module_range& range : same->code)
            if (at >= range.from && at < range.to) return reinterpret_cast<const void*>(at);
        return nullptr;
    });
}

}  // namespace

bool find_code(const void* address, code_place& out) {
    return table().use([address, &out](const std::vector<module>& modules, auto& found) {
        if (const auto known = found.find(address); known != found.end()) {
            out = known->second;
            return true;
        }
        const auto at = reinterpret_cast<std::uintptr_t>(address);
        for (const module& m : modules)
            for (const module_range& range : m.code)
                if (at >= range.from && at < range.to) {
                    out = {absolute(m.path), m.build_id, at - m.base};
                    found.emplace(address, out);
                    return true;
                }
        return false;
    });
}

const void* load_code(const code_place& place, std::string& problem) {
    if (const void* address = find_loaded(place)) return address;
    if (place.path.empty()) {
        problem = "the worker runs another program";
        return nullptr;
    }
    if (::dlopen(place.path.c_str(), RTLD_NOW) == nullptr) {
        const char* why = ::dlerror();
        problem = why != nullptr ? why : "dlopen failed";
        return nullptr;
    }
    if (const void* address = find_loaded(place)) return address;
    problem = place.path + " has changed since this process loaded it";
    return nullptr;
}

}  // namespace asyncio::detail
