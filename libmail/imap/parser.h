// Parser: a complete command's octets -> typed command or syntax error. Pure; the framer has seen
// to it that nothing is missing. One function per rule of RFC 3501 section 9 (and of the
// extensions' grammars), under its name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/cursor.h"
#include "libmail/base/result.h"
#include "libmail/imap/command.h"

namespace mail::imap {

// Where a command may be given (RFC 3501 section 3), as a set.
enum class In : std::uint8_t {
  NotAuthenticated = 1,
  Authenticated = 2,  // no mailbox selected
  Selected = 4,
  Always = 7,
  AfterLogin = 6,
};

struct Request {
  std::string tag;   // empty: there was none to be had, answer untagged
  std::string name;  // the verb, upper case, with "UID " before it where given; for texts and logs
  In allowed = In::Always;
  Result<Command> command;
};

Request parse_request(std::string_view text);

// A command whose last literal has been announced but not read ("...{310}\r\n" at the end): the
// mailbox, flags and date of APPEND, or nothing where it is another command or another literal.
std::optional<Request> parse_append_start(std::string_view text);

Result<Fetch> parse_fetch(Cursor& in);
Result<Search> parse_search(Cursor& in);

inline constexpr int kMaxSearchDepth = 64;           // nested keys; ours
inline constexpr std::size_t kMaxSearchKeys = 4096;  // in one command; ours
inline constexpr std::size_t kMaxFetchItems = 256;   // ours
inline constexpr std::size_t kMaxPartDepth = 128;    // numbers in one section-part; ours

}  // namespace mail::imap
