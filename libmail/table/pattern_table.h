// regexp:FILE and pcre:FILE: tables of patterns, through PCRE2.
//
//   /pattern/flags result      !/pattern/flags result
//   if /pattern/flags ... endif      if !/pattern/flags ... endif
//
// Logical lines as in every table; any visible octet but a letter or digit may stand for '/'. The
// first pattern that matches gives its result, in which $1, ${1} and $(1) are what the pattern's
// groups matched, and $$ is one '$' (not behind '!', where nothing has matched). Keys are matched
// whole and as they are, without folding: case is no matter unless flag i is given.
//
// Flags, each of which turns its meaning over: i (ignore case, on at first), m (^ and $ at each
// line), and in pcre: s (. matches newline, on at first), x (white space and comments in patterns),
// A (match at the beginning only), E ($ only at the very end), U (not greedy). Differences from
// Postfix: a regexp: pattern is read by PCRE2, so of two alternatives the first counts rather than
// the longest, and basic expressions (flag x) are a mistake.
//
// A pattern that costs more than kMatchLimit steps is an error, "later": whoever chose the key must
// not choose how long we think.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "libmail/base/result.h"
#include "libmail/table/table.h"

namespace mail::table {

inline constexpr std::uint32_t kMatchLimit = 200'000;        // steps of one match
inline constexpr std::uint32_t kMatchHeapLimit = 4096;       // KiB of one match
inline constexpr std::size_t kMaxPatterns = 10'000;          // in a table
inline constexpr std::size_t kMaxPatternNesting = 20;        // of if
inline constexpr std::size_t kMaxPatternResult = 1U << 16U;  // octets, after substitution

enum class PatternSyntax : std::uint8_t { Regexp, Pcre };

// `text` is the content of `file`. Error Config whose log_text has every mistake as FILE:LINE:
// text.
Result<std::unique_ptr<Table>> make_pattern_table(std::string_view text, const std::string& file,
                                                  PatternSyntax syntax, Substitution substitution);

}  // namespace mail::table
