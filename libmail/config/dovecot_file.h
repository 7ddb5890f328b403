// Grammar of Dovecot 2.3's dovecot.conf.
//
//   key = value            # after white space a comment, except inside quotes
//   key = "quoted value"   or 'quoted'; \" and \\ inside double quotes
//   key = <FILE            kept as it is: whoever uses the value reads the file
//   key = $other more      the value that `other` has at this point of the file
//   section { ... }   section name { ... }   section "quoted name" { ... }
//   !include PATTERN   !include_try PATTERN   globs; relative to the including file's directory
//   a line that ends in a backslash goes on in the next one
//
// A setting inside sections is named by its path: `namespace inbox { mailbox Sent { auto = no } }`
// is namespace/inbox/mailbox/Sent/auto. A section without a name gets its ordinal as name
// (passdb/1, passdb/2), because their order has a meaning; '/' inside a name is written "\s". Not
// supported: $ENV:NAME, %-variables in file names.
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
