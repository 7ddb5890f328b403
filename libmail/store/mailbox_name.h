// Names of mailboxes: what is refused, and how UTF-8 names lie on disk (modified UTF-7, RFC 3501
// section 5.1.3, as Dovecot's default has it).
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::store {

inline constexpr std::size_t kMaxMailboxName = 1000;  // octets on disk, of all levels together
inline constexpr std::size_t kMaxLevels = 20;

// The name with INBOX in upper case, or Denied as cannot() says it: empty levels, ".", "..",
// leading '/' or '~', NUL and other controls, invalid UTF-8, too long.
Result<std::string> check_mailbox_name(std::string_view name);

// Denied: what can never be done with a mailbox of this name, by nobody (status 5.3.3; RFC 5530's
// CANNOT).
tl::unexpected<Error> cannot(std::string_view why);  // "Mailbox name not allowed: WHY"
tl::unexpected<Error> impossible(std::string text);

std::string to_modified_utf7(std::string_view name);
// Nothing sensible in it: the text itself is the name.
std::string from_modified_utf7(std::string_view text);

}  // namespace mail::store
