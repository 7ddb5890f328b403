// Commands of POP3 as words: verb in upper case and its arguments. The grammar (RFC 1939 section 9)
// is so small that each handler reads its own arguments from here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::pop3 {

struct Command {
  std::string verb;      // upper case
  std::string argument;  // the rest of the line, trimmed; a password keeps inner spaces
};
Command parse_command(std::string_view line);

// Message number alone: "3". Syntax where it is none; 0 where the argument is empty and may be.
Result<std::uint32_t> parse_number(std::string_view argument);
struct TopArguments {
  std::uint32_t number = 0;
  std::uint64_t lines = 0;
};
Result<TopArguments> parse_top(std::string_view argument);  // "3 10"

}  // namespace mail::pop3
