// newaliases: an aliases file checked and compiled into a constant database beside it.
//
// FILE.cdb holds, per alias, name -> targets as written (what Postfix's cdb: tables hold too), and
// under keys that begin with octet 1 the line of each alias and the state of the source it was made
// from (docs/alias-map.md). It is replaced in one step: readers see the old map or the new one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/alias/aliases_file.h"
#include "libmail/base/result.h"

namespace mail::alias {

// Keys of the compiled map that are no alias names.
inline constexpr std::string_view kLineKey = "\1line:";     // + name: "14"
inline constexpr std::string_view kSourceKey = "\1source";  // "1 SIZE MTIME_NANOSECONDS"

struct Summary {
  std::size_t aliases = 0;
  std::size_t longest = 0;  // octets of the longest right-hand side
  std::size_t total = 0;    // octets of all names and right-hand sides
};
// "/etc/aliases: 97 aliases, longest 10 bytes, 1042 bytes total" (S86).
std::string to_string(const std::string& file, const Summary& summary);

struct CheckedAliases {
  AliasesFile file;                   // mistakes: those of the grammar, then alias loops
  std::vector<LineMistake> warnings;  // postmaster or mailer-daemon missing; line 0: the whole file
  Summary summary;
};
// Grammar, duplicates, loops (S82), the two names that must be there (S83). Only
// local names are followed; a loop through user@our-domain is found at delivery.
CheckedAliases check_aliases(std::string_view text);

// Writes `path`.cdb. The aliases must be free of mistakes; `source_state` is source_state(path).
Result<void> write_map(const std::string& path, const std::vector<AliasLine>& aliases,
                       const std::string& source_state);
// "1 SIZE MTIME_NANOSECONDS" of the file at `path`, or empty where there is none.
std::string source_state(const std::string& path);

}  // namespace mail::alias
