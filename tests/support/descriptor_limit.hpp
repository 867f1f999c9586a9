// How many descriptors this process may have, for the length of a test.
#pragma once

#include <sys/resource.h>

#include <algorithm>

#include "support/check.hpp"

namespace support {

class descriptor_limit {
   public:
    explicit descriptor_limit(rlim_t wanted) : wanted_(wanted) {
        check(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        rlimit now = before_;
        now.rlim_cur = std::min(before_.rlim_max, wanted);
        check(::setrlimit(RLIMIT_NOFILE, &now) == 0);
    }
    descriptor_limit(const descriptor_limit&) = delete;
    descriptor_limit& operator=(const descriptor_limit&) = delete;
    ~descriptor_limit() { check(::setrlimit(RLIMIT_NOFILE, &before_) == 0); }

    /// False: the system does not allow so many.
    [[nodiscard]] bool is_granted() const noexcept { return wanted_ <= before_.rlim_max; }

   private:
    rlim_t wanted_;
    rlimit before_{};
};

}  // namespace support
