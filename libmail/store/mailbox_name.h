// Names of mailboxes: what is refused, and how UTF-8 names lie on disk (modified UTF-7, RFC 3501
// section 5.1.3, as Dovecot's default has it).
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::store {

inline constexpr std::size_t kMaxMailboxName = 200;  // octets on disk; NAME_MAX with our suffixes

// The name with INBOX in upper case, or Denied: empty levels, ".", "..", leading '/' or '~', NUL
// and other controls, invalid UTF-8, too long.
Result<std::string> check_mailbox_name(std::string_view name);

std::string to_modified_utf7(std::string_view name);
// Nothing sensible in it: the text itself is the name.
std::string from_modified_utf7(std::string_view text);

}  // namespace mail::store
