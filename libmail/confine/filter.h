// A process gives up system calls, for itself and for good (seccomp(2)). The filters are
// allow-lists or deny-lists in make_filters/; they are compiled while we build.
//
// Front    before login: octets on descriptors that are open, memory, time. Nothing can be opened,
//          started, signalled, or made code of.
// Session  as a user, with that user's files: no other program, no other process, no socket that
//          leaves the machine, and none of the kernel's administration.
// Service  as Session; sockets of the Internet too (smtp-recv, a worker of smtp-send).
#pragma once

#include <cstdint>

#include "libmail/base/result.h"

namespace mail::confine {

enum class Filter : std::uint8_t { Front, Session, Service };

// Sets no-new-privs too. Unsupported: this kernel has no seccomp filters.
Result<void> install_filter(Filter filter);

}  // namespace mail::confine
