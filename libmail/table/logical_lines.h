// Logical lines of Postfix's text formats: main.cf, lookup table sources, aliases(5).
//
// A line that starts with white space continues the line before it. Empty lines, lines of white
// space and lines whose first visible octet is '#' are skipped, also inside a continuation. A CR
// before the newline and a UTF-8 byte order mark are dropped; everything else is 8-bit clean.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mail::table {

struct LogicalLine {
  std::string text;      // physical lines joined as they are, without newlines; trailing space cut
  std::size_t line = 0;  // number of its first physical line, from 1
  bool orphan = false;   // starts with white space though there is nothing to continue
};

std::vector<LogicalLine> split_logical_lines(std::string_view file);

}  // namespace mail::table
