#include "libmail/message/generate.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "libmail/base/ascii.h"
#include "libmail/message/encoded_word.h"

namespace mail::message {
namespace {

std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return line;
}

}  // namespace

std::string make_field(std::string_view name, std::string_view body) {
  const std::string text = std::string(name) + ": " + std::string(ascii::trim(one_line(body)));
  std::string out;
  std::size_t line_begin = 0;  // in text
  // A break goes before white space that has something visible on its line before it, and behind
  // it.
  std::size_t last_break = 0;
  bool forced = false;  // this line begins with a space of ours
  const std::size_t name_end = name.size() + 1;
  for (std::size_t at = name_end; at < text.size(); ++at) {
    const bool begins_space = ascii::is_wsp(text[at]) && !ascii::is_wsp(text[at - 1]);
    if (begins_space && at > line_begin && text.find_first_not_of(" \t", at) != std::string::npos &&
        at != name_end) {
      if (at - line_begin <= kFoldAt || last_break <= line_begin) last_break = at;
    }
    const std::size_t width = at + 1 - line_begin + (forced ? 1 : 0);
    if (width > kFoldAt && last_break > line_begin) {
      out += text.substr(line_begin, last_break - line_begin) + "\n";
      line_begin = last_break;
      forced = false;
    } else if (width >
               kMaxLine) {  // no white space in 998 octets: RFC 5322 section 2.1.1 is a MUST
      out += text.substr(line_begin, at - line_begin) + "\n ";
      line_begin = at;
      forced = true;
    }
  }
  return out + text.substr(line_begin) + "\n";
}

std::string make_text_field(std::string_view name, std::string_view utf8) {
  return make_field(name, encode_text(ascii::trim(utf8), name.size() + 2));
}

std::string make_address_field(std::string_view name,
                               const std::vector<address::NameAddr>& addresses) {
  std::string body;
  std::size_t column = name.size() + 2;
  for (const auto& address : addresses) {
    std::string one;
    const std::string addr_spec = address::to_string(address.addr_spec);
    if (address.display_name.empty()) {
      one = addr_spec.empty() ? "<>" : addr_spec;
    } else {
      one = encode_phrase(address.display_name, column) + " <" + addr_spec + ">";
    }
    if (!body.empty()) body += ", ";
    body += one;
    column = 1;  // later addresses mostly begin a line
  }
  return make_field(name, body);
}

std::string make_message_id(std::chrono::sys_seconds time, std::string_view unique,
                            std::string_view host) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss clock{time - days};
  std::array<char, 32> stamp{};
  std::snprintf(stamp.data(), stamp.size(), "%04d%02u%02u%02d%02d%02d",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return "<" + std::string(stamp.data()) + "." + one_line(unique) + "@" + one_line(host) + ">";
}

}  // namespace mail::message
