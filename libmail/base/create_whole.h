// A new file that appears with all its octets, and one that goes if it is still the same: for locks
// that name their owner.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::sys {

// Exists where the name is taken, a symbolic link too. A process killed on the way leaves nothing
// but where the file system has no nameless files (NFS): there perhaps a file with no octets.
// Nothing is synced.
Result<void> create_whole(const std::string& path, std::string_view octets, mode_t mode);

// Removes `path` if it is the file that is open here. Of several that found the same file to be
// left over one removes it, and no other removes what has come in its place. False: it was not
// there any more, or another is at it.
Result<bool> unlink_if_same(const FileDescriptor& file, const std::string& path);

}  // namespace mail::sys
