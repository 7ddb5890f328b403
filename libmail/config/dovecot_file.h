// Grammar of Dovecot 2.3's dovecot.conf; its lines: dovecot_line.h.
//
//   key = value            # a comment; a '#' inside quotation marks is none
//   key = "quoted value"   or 'quoted'; \" and \\ inside
//   key = <FILE            kept as it is: whoever uses the value reads the file
//   key = $other more      the value that `other` has at this point, where it is a word of its own;
//                          in top-level settings and in filters only, and of such alone
//   section { ... }   section name { ... }   section "quoted name" { ... }    one per line
//   !include PATTERN   !include_try PATTERN   globs; relative to the including file's directory
//   a line that ends in a backslash goes on in the next one
//
// A setting inside sections is named by its path: `namespace inbox { mailbox Sent { auto = no } }`
// is namespace/inbox/mailbox/Sent/auto. A section without a name gets its ordinal as name
// (passdb/1, passdb/2), because their order has a meaning; plugin and dict have one each
// (plugin/quota). '/' inside a name is written "\s". The filters protocol, local, local_name and
// remote are sections like the others here; filter.h says when they hold.
#pragma once

#include <string>
#include <string_view>

#include "libmail/config/assignment.h"

namespace mail::config {

inline constexpr std::size_t kMaxIncludeDepth = 20;
inline constexpr std::size_t kMaxSectionDepth = 20;

// Adds what `text`, the content of `file`, says, with the files that it includes.
void parse_dovecot(std::string_view text, const std::string& file, Reading& into);
void read_dovecot(const std::string& file, Reading& into);

}  // namespace mail::config
