// TCP connections outwards.
#pragma once

#include <chrono>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/relay/next_hop.h"

namespace mail::relay {

// Errors: Timeout, Unavailable ("connect to mx[192.0.2.1]:25: Connection refused").
Result<FileDescriptor> connect_to(const Host& host, std::chrono::milliseconds timeout);

}  // namespace mail::relay
