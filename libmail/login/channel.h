// A monitor's channel and the process at its other end.
#pragma once

#include <sys/types.h>

#include <utility>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::login {

// Both ends of a packet channel (monitor_messages.h), large enough for its packets.
Result<std::pair<FileDescriptor, FileDescriptor>> make_channel();

// Waits for a child; its exit status, or 75 when a signal ended it.
int wait_for_child(pid_t pid);

}  // namespace mail::login
