// How much memory a process may hold, for itself and those it becomes (setrlimit(2)), so that a
// stranger's octets cannot make the machine swap. Beyond it an allocation fails: std::bad_alloc.
#pragma once

#include <cstdint>

#include "libmail/base/result.h"

namespace mail::confine {

// RLIMIT_DATA: heap and private writable mappings, which is what can fill memory; not RLIMIT_AS,
// which counts program text and mailboxes mapped for reading too. Only lowers; 0: no limit. Builds
// with AddressSanitizer, whose shadow is terabytes of such mappings, keep what they have.
Result<void> limit_memory(std::uint64_t octets);

}  // namespace mail::confine
