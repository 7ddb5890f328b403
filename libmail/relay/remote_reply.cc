#include "libmail/relay/remote_reply.h"

#include <algorithm>
#include <utility>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/log.h"

namespace mail::relay {
namespace {

// "5.1.1 text" (RFC 2034 section 4); nothing if it does not begin so or its class is another.
std::optional<EnhancedStatus> parse_status(std::string_view text, int code) {
  Cursor in{text};
  const auto number = [&]() -> std::optional<std::uint16_t> {
    return ascii::to_number<std::uint16_t>(in.take_while(ascii::is_digit));
  };
  const auto cls = number();
  if (!cls || *cls != code / 100 || !in.consume('.')) return std::nullopt;
  const auto subject = number();
  if (!subject || *subject > 999 || !in.consume('.')) return std::nullopt;
  const auto detail = number();
  if (!detail || *detail > 999) return std::nullopt;
  if (!in.at_end() && !in.consume(' ')) return std::nullopt;  // "550 5.6.7.8 is listed"
  return EnhancedStatus{static_cast<std::uint8_t>(*cls), *subject, *detail};
}

tl::unexpected<Error> refuse(std::string_view what) {
  return fail(Errc::Syntax, EnhancedStatus{4, 5, 0}, std::string(what));
}

}  // namespace

Result<std::optional<RemoteReply>> ReplyParser::next() {
  for (;;) {
    const auto end = octets_.find('\n');
    if (std::min(end, octets_.size()) > kMaxReplyLine) return refuse("reply line too long");
    if (end == std::string::npos) return std::nullopt;
    std::string line = octets_.substr(0, end);
    octets_.erase(0, end + 1);
    // A bare LF ends a line too: there is nothing to gain by refusing it from a server.
    if (line.ends_with('\r')) line.pop_back();
    if (TRY(take_line(line))) return std::exchange(reply_, {});
  }
}

// True at the reply's last line.
Result<bool> ReplyParser::take_line(std::string_view line) {
  const auto code = ascii::to_number<int>(line.substr(0, 3));
  const char separator = line.size() > 3 ? line.at(3) : ' ';
  if (!code || *code < 200 || *code > 599 || (separator != ' ' && separator != '-') ||
      (reply_.code != 0 && *code != reply_.code)) {
    return refuse("invalid reply: " + log::escape(line, 80));
  }
  if (reply_.lines.size() >= kMaxReplyLines) return refuse("reply of too many lines");
  reply_.code = *code;
  std::string text;
  for (const char c : line.substr(std::min<std::size_t>(line.size(), 4))) {
    text += ascii::is_control(c) ? '?' : c;
  }
  if (!reply_.text.empty()) reply_.text += ' ';
  reply_.text += text;
  if (reply_.text.size() > kMaxReplyText) reply_.text.resize(kMaxReplyText);
  reply_.lines.push_back(std::move(text));
  if (separator == '-') return false;
  const auto cls = static_cast<std::uint8_t>(reply_.is_permanent() ? 5
                                             : reply_.code >= 400  ? 4
                                                                   : 2);
  reply_.status =
      parse_status(reply_.lines.back(), reply_.code).value_or(EnhancedStatus{cls, 0, 0});
  return true;
}

}  // namespace mail::relay
