#include "libmail/imap/grammar.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "libmail/base/ascii.h"
#include "libmail/imap/mailbox_name.h"

namespace mail::imap {

namespace {

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// quoted = DQUOTE *QUOTED-CHAR DQUOTE; octets >= 0x80 are let through (RFC 9051, RFC 6855).
Result<std::string> parse_quoted(Cursor& in) {
  TRY(in.expect('"'));
  std::string text;
  for (;;) {
    text += in.take_while([](char c) { return c != '"' && c != '\\' && c != '\r' && c != '\n'; });
    if (in.consume('"')) return text;
    if (!in.consume('\\')) return fail(Errc::Syntax, "Unterminated quoted string");
    if (!in.peek_is('"') && !in.peek_is('\\')) {
      return fail(Errc::Syntax, "Only \\ and \" may be escaped in a quoted string");
    }
    text += in.next();
  }
}

// literal = "{" number ["+"] "}" CRLF *CHAR8
Result<std::string> parse_literal(Cursor& in) {
  TRY(in.expect('{'));
  const auto size = ascii::to_number<std::size_t>(in.take_while(ascii::is_digit));
  in.consume('+');
  if (!size || !in.consume("}\r\n")) return fail(Errc::Syntax, "Invalid literal");
  const auto octets = in.take(*size);
  if (octets.size() != *size) return fail(Errc::Syntax, "Literal is cut short");
  if (octets.find('\0') != std::string_view::npos) {
    return fail(Errc::Syntax, "NUL in a literal");  // CHAR8 = %x01-ff
  }
  return std::string(octets);
}

Result<unsigned> parse_digits(Cursor& in, std::size_t count) {
  const auto text = in.take(count);
  const auto value = ascii::to_number<unsigned>(text);
  if (text.size() != count || !value) return fail(Errc::Syntax, "Invalid date");
  return *value;
}

Result<std::chrono::month> parse_month(Cursor& in) {
  const auto name = in.take(3);
  const auto* found = std::find_if(kMonths.begin(), kMonths.end(),
                                   [&](auto month) { return ascii::iequals(month, name); });
  if (found == kMonths.end()) return fail(Errc::Syntax, "Invalid month");
  return std::chrono::month(static_cast<unsigned>(found - kMonths.begin()) + 1);
}

Result<std::chrono::year_month_day> parse_month_and_year(Cursor& in, unsigned day) {
  TRY(in.expect('-'));
  const auto month = TRY(parse_month(in));
  TRY(in.expect('-'));
  const unsigned year = TRY(parse_digits(in, 4));
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)), month,
                                         std::chrono::day(day)};
  if (!date.ok()) return fail(Errc::Syntax, "No such day");
  return date;
}

// flag = "\Answered" / ... / flag-keyword
Result<void> parse_flag(Cursor& in, store::Flags& flags) {
  if (!in.consume('\\')) {
    const std::string keyword = TRY(parse_atom(in));
    if (keyword.size() > kMaxKeywordOctets) return fail(Errc::TooLarge, "Keyword is too long");
    flags.set_keyword(keyword);
    if (flags.keywords.size() > kMaxKeywords) return fail(Errc::TooMany, "Too many keywords");
    return {};
  }
  struct Named {
    std::string_view name;
    store::Flag flag;
  };
  static constexpr std::array<Named, 5> kNamed{{{"Answered", store::Flag::Answered},
                                                {"Flagged", store::Flag::Flagged},
                                                {"Deleted", store::Flag::Deleted},
                                                {"Seen", store::Flag::Seen},
                                                {"Draft", store::Flag::Draft}}};
  const std::string name = TRY(parse_atom(in));
  for (const auto& named : kNamed) {
    if (ascii::iequals(named.name, name)) {
      flags.set(named.flag);
      return {};
    }
  }
  // RFC 3501 section 2.3.2: \Recent cannot be changed by the client.
  return fail(Errc::Syntax, "No such system flag");
}

}  // namespace

bool is_atom_char(char c) {
  return ascii::is_visible(c) && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
}

bool is_astring_char(char c) { return is_atom_char(c) || c == ']'; }

Result<void> expect_space(Cursor& in) {
  if (in.consume(' ')) return {};
  return fail(Errc::Syntax, in.at_end() ? "Missing arguments" : "Space expected");
}

Result<std::string> parse_tag(Cursor& in) {
  const auto tag = in.take_while([](char c) { return is_astring_char(c) && c != '+'; });
  if (tag.empty() || tag.size() > 255) return fail(Errc::Syntax, "Invalid tag");
  return std::string(tag);
}

Result<std::string> parse_atom(Cursor& in) {
  const auto atom = in.take_while(is_atom_char);
  if (atom.empty()) return fail(Errc::Syntax, "Atom expected");
  return std::string(atom);
}

Result<std::string> parse_string(Cursor& in) {
  if (in.peek_is('"')) return parse_quoted(in);
  if (in.peek_is('{')) return parse_literal(in);
  return fail(Errc::Syntax, "String expected");
}

Result<std::string> parse_astring(Cursor& in) {
  if (in.peek_is('"') || in.peek_is('{')) return parse_string(in);
  const auto text = in.take_while(is_astring_char);
  if (text.empty()) return fail(Errc::Syntax, "Atom or string expected");
  return std::string(text);
}

Result<std::optional<std::string>> parse_nstring(Cursor& in) {
  if (in.consume_nocase("NIL")) return std::optional<std::string>{};
  return std::optional<std::string> { TRY(parse_string(in)) };
}

Result<std::uint32_t> parse_number(Cursor& in) {
  const auto number = ascii::to_number<std::uint32_t>(in.take_while(ascii::is_digit));
  if (!number) return fail(Errc::Syntax, "Number expected");
  return *number;
}

Result<std::uint64_t> parse_number64(Cursor& in) {
  const auto number = ascii::to_number<std::uint64_t>(in.take_while(ascii::is_digit));
  if (!number || *number > 0x7FFFFFFFFFFFFFFFULL) return fail(Errc::Syntax, "Number expected");
  return *number;
}

Result<std::string> parse_mailbox(Cursor& in) {
  const std::string wire = TRY(parse_astring(in));
  return decode_mailbox_name(wire);
}

// list-mailbox = 1*list-char / string; list-char also has wildcards and "]"
Result<std::string> parse_list_mailbox(Cursor& in) {
  std::string wire;
  if (in.peek_is('"') || in.peek_is('{')) {
    wire = TRY(parse_string(in));
  } else {
    wire = in.take_while([](char c) { return is_astring_char(c) || c == '%' || c == '*'; });
    if (wire.empty()) return fail(Errc::Syntax, "Mailbox pattern expected");
  }
  return wire;  // matched against names as they go on the wire
}

Result<store::Flags> parse_flag_list(Cursor& in) {
  store::Flags flags;
  TRY(in.expect('('));
  if (in.consume(')')) return flags;
  do {
    TRY(parse_flag(in, flags));
  } while (in.consume(' '));
  TRY(in.expect(')'));
  return flags;
}

Result<store::Flags> parse_flags(Cursor& in) {
  if (in.peek_is('(')) return parse_flag_list(in);
  store::Flags flags;
  do {
    TRY(parse_flag(in, flags));
  } while (in.consume(' '));
  return flags;
}

// date = date-text / DQUOTE date-text DQUOTE; date-text = 1*2DIGIT "-" date-month "-" 4DIGIT
Result<std::chrono::year_month_day> parse_date(Cursor& in) {
  const bool is_quoted = in.consume('"');
  const auto day = in.take_while(ascii::is_digit);
  const auto value = ascii::to_number<unsigned>(day);
  if (!value || day.size() > 2) return fail(Errc::Syntax, "Invalid date");
  const auto date = TRY(parse_month_and_year(in, *value));
  if (is_quoted) TRY(in.expect('"'));
  return date;
}

// date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
Result<WallTime> parse_date_time(Cursor& in) {
  TRY(in.expect('"'));
  const unsigned day = TRY(parse_digits(in, in.consume(' ') ? 1 : 2));
  const auto date = TRY(parse_month_and_year(in, day));
  TRY(in.expect(' '));
  const unsigned hour = TRY(parse_digits(in, 2));
  TRY(in.expect(':'));
  const unsigned minute = TRY(parse_digits(in, 2));
  TRY(in.expect(':'));
  const unsigned second = TRY(parse_digits(in, 2));
  TRY(in.expect(' '));
  const bool is_west = in.peek_is('-');
  if (!is_west && !in.peek_is('+')) return fail(Errc::Syntax, "Invalid time zone");
  in.next();
  const unsigned zone_hours = TRY(parse_digits(in, 2));
  const unsigned zone_minutes = TRY(parse_digits(in, 2));
  TRY(in.expect('"'));
  if (hour > 23 || minute > 59 || second > 60 || zone_minutes > 59) {
    return fail(Errc::Syntax, "Invalid time");
  }
  const std::chrono::minutes zone{static_cast<int>(zone_hours * 60 + zone_minutes)};
  const WallTime local = WallTime{std::chrono::sys_days{date}.time_since_epoch()} +
                         std::chrono::hours{hour} + std::chrono::minutes{minute} +
                         std::chrono::seconds{second};
  return is_west ? local + zone : local - zone;
}

}  // namespace mail::imap
