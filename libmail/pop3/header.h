// The header section of a message in the store.
#pragma once

#include <string>

#include "libmail/base/result.h"
#include "libmail/store/mailbox.h"

namespace mail::pop3 {

// Up to its empty line inclusive, as the wire has it; cut at message::kMaxHeaderSection. All of the
// message if there is no empty line.
Result<std::string> read_header(store::MessageReader& reader);

}  // namespace mail::pop3
