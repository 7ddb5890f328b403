// A new file that appears with all its octets: for locks that name their owner.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::sys {

// Exists where the name is taken, a symbolic link too. A process killed on the way leaves nothing
// but where the file system has no nameless files (NFS): there perhaps a file with no octets.
// Nothing is synced.
Result<void> create_whole(const std::string& path, std::string_view octets, mode_t mode);

}  // namespace mail::sys
