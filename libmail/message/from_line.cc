#include "libmail/message/from_line.h"

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::message {
namespace {

// The sender may be a quoted-string with spaces: "a b"@example.org.
std::string_view take_sender(Cursor& in) {
  const std::size_t begin = in.position();
  bool quoted = false;
  while (!in.at_end()) {
    const char c = in.peek();
    if (ascii::is_wsp(c) && !quoted) break;
    if (c == '"') quoted = !quoted;
    if (c == '\\' && quoted) in.skip(1);
    in.skip(1);
  }
  return in.since(begin);
}

bool is_weekday(std::string_view word) {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  const auto at = word.size() == 3 ? kDays.find(word) : std::string_view::npos;
  return at != std::string_view::npos && at % 3 == 0;
}

}  // namespace

std::optional<FromLine> parse_from_line(std::string_view line,
                                        std::optional<std::chrono::minutes> local_offset) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  Cursor in{line};
  if (!in.consume("From ")) return std::nullopt;
  in.take_while(ascii::is_wsp);
  const std::size_t begin = in.position();
  std::string_view sender = take_sender(in);
  if (in.at_end()) {  // a quote that never closes: read it as an ordinary character
    in.rewind(begin);
    sender = in.take_while([](char c) { return !ascii::is_wsp(c); });
  }
  if (sender.empty()) return std::nullopt;
  if (is_weekday(sender)) {  // no sender at all: "From Sat Aug 15 ..."
    in.rewind(begin);
    sender = {};
  }
  in.take_while(ascii::is_wsp);
  // mailx asks for a weekday too; it keeps prose such as "From here Aug 15 12:00 2017" apart.
  const std::size_t date_begin = in.position();
  if (!is_weekday(in.take(3)) || !ascii::is_wsp(in.peek())) return std::nullopt;
  in.rewind(date_begin);
  const auto date = parse_asctime(in.rest(), local_offset);
  if (!date) return std::nullopt;
  return FromLine{std::string(sender), *date};
}

std::string format_from_line(std::string_view sender, const DateTime& date) {
  std::string line = "From ";
  bool quoted = false;
  for (const char c : sender) {
    if (c == '"') quoted = !quoted;
    line += ascii::is_control(c) || (c == ' ' && !quoted) ? '_' : c;
  }
  if (sender.empty()) line += "MAILER-DAEMON";
  return line + "  " + format_asctime(date) + "\n";
}

std::string format_from_line(const address::ReversePath& sender, const DateTime& date) {
  return format_from_line(address::to_plain_string(sender), date);
}

}  // namespace mail::message
