#include "libmail/confine/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "libmail/base/sys.h"

namespace mail::confine {
namespace {
#ifdef __SANITIZE_ADDRESS__
constexpr bool kIsPossible = false;
#else
constexpr bool kIsPossible = true;
#endif
}  // namespace

Result<void> limit_memory(std::uint64_t octets) {
  if (!kIsPossible || octets == 0) return {};
  ::rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) == 0) {
    limit.rlim_max = std::min<rlim_t>(limit.rlim_max, octets);
    limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
    if (::setrlimit(RLIMIT_DATA, &limit) == 0) return {};
  }
  return fail(sys::error_from_errno(errno, "setrlimit", "RLIMIT_DATA"));
}

}  // namespace mail::confine
