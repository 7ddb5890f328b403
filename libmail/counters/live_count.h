// How many of something live now, counted without a daemon: each holds a read lock on one octet of
// its key's thousand in an empty file. The kernel takes the lock back when the last process that
// has the descriptor ends, however it ends, so no count is left too high (docs/counters.md).
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::counters {

inline constexpr unsigned kMaxPlaces = 1000;  // of one key

// One of `limit` places (at most kMaxPlaces) of this key, held while a copy of the descriptor is
// open; it can be inherited by a process of another user, as it is open for reading only. The file
// is made where there is none. TooMany when all are held; Denied when the file is not ours alone.
Result<FileDescriptor> take_place(const std::string& path, std::string_view key, unsigned limit);

}  // namespace mail::counters
