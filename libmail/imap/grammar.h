// Lexical rules of RFC 3501 section 9 that commands share: one function per rule, under its name.
// They read a command's text as the framer keeps it, literals in place.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "libmail/base/clock.h"
#include "libmail/base/cursor.h"
#include "libmail/base/result.h"
#include "libmail/store/types.h"

namespace mail::imap {

inline constexpr std::size_t kMaxKeywordOctets = 255;  // ours; mbox and Maildir store them by line
inline constexpr std::size_t kMaxKeywords = 100;       // in one command; ours

bool is_atom_char(char c);
bool is_astring_char(char c);

Result<void> expect_space(Cursor& in);
Result<std::string> parse_tag(Cursor& in);
Result<std::string> parse_atom(Cursor& in);
Result<std::string> parse_string(Cursor& in);  // quoted or literal
Result<std::string> parse_astring(Cursor& in);
Result<std::optional<std::string>> parse_nstring(Cursor& in);
Result<std::uint32_t> parse_number(Cursor& in);
Result<std::uint64_t> parse_number64(Cursor& in);  // mod-sequence-valzer, RFC 7162
Result<std::string> parse_mailbox(Cursor& in);
Result<std::string> parse_list_mailbox(Cursor& in);
Result<store::Flags> parse_flag_list(Cursor& in);  // "(" [flag *(SP flag)] ")"
Result<store::Flags> parse_flags(Cursor& in);      // flag-list / (flag *(SP flag))
Result<std::chrono::year_month_day> parse_date(Cursor& in);
Result<WallTime> parse_date_time(Cursor& in);

}  // namespace mail::imap
