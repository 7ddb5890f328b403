// The header section of a message in the store.
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/result.h"
#include "libmail/store/mailbox.h"

namespace mail::pop3 {

// Where the header section ends that `octets` begin with, behind its empty line; npos: not in them.
// `from`: no earlier.
std::size_t end_of_header(std::string_view octets, std::size_t from = 0);

// Up to its empty line inclusive, as the wire has it; cut at message::kMaxHeaderSection. All of the
// message if there is no empty line.
Result<std::string> read_header(store::MessageReader& reader);

}  // namespace mail::pop3
