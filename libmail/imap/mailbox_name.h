// Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3) <-> UTF-8, and the wildcards
// of LIST.
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::imap {

inline constexpr char kHierarchySeparator = '/';  // store::MailStore's

std::string encode_mailbox_name(std::string_view utf8);
// Strict: Syntax for malformed or superfluous encoding, so that one mailbox has one name on the
// wire. A name with octets >= 0x80 is taken as UTF-8 (RFC 6855 clients; RFC 9051 section 5.1).
// "INBOX" in any case becomes "INBOX" (RFC 3501 section 5.1).
Result<std::string> decode_mailbox_name(std::string_view wire);

// Whether `name` matches `pattern`: "*" any octets, "%" any but the separator. Without exponential
// cost. INBOX is compared without regard to case.
bool matches_pattern(std::string_view name, std::string_view pattern,
                     char separator = kHierarchySeparator);

}  // namespace mail::imap
