// aliases(5): logical lines of `name: targets`.
//
// A name is a local name without domain, in double quotes where it holds odd octets; it is matched
// without regard to ASCII case and may stand only once (S1). Every mistake is found, each with its
// line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/alias/target.h"

namespace mail::alias {

struct AliasLine {
  std::string name;     // lower case, unquoted
  std::string written;  // targets as in the file, continuation lines joined
  std::vector<Target> targets;
  std::size_t line = 0;
};

struct LineMistake {
  std::size_t line = 0;
  std::string text;
  bool operator==(const LineMistake&) const = default;
};

struct AliasesFile {
  std::vector<AliasLine> aliases;  // in the order of the file
  std::vector<LineMistake> mistakes;
};

AliasesFile parse_aliases(std::string_view text);

}  // namespace mail::alias
