#include "libmail/smtp/reply.h"

#include "libmail/base/ascii.h"

namespace mail::smtp {
namespace {

constexpr std::size_t kMaxReplyText = 480;  // octets; 512 with code and CRLF, section 4.5.3.1.5

int code_of(const Error& error) {
  const bool permanent = error.is_permanent();
  switch (error.code) {
    case Errc::Syntax:
      return permanent ? 501 : 451;
    case Errc::BadSequence:
      return 503;
    case Errc::Unsupported:
      return permanent ? 504 : 451;
    case Errc::TooMany:
      return permanent ? 550 : 452;
    case Errc::TooLarge:
      return permanent ? 552 : 452;
    case Errc::OverQuota:
      return permanent ? 552 : 452;
    case Errc::NoSpace:
      return 452;
    case Errc::Denied:
    case Errc::Loop:
      return permanent ? 554 : 451;
    case Errc::BadCredentials:
      return 535;
    case Errc::PrivacyRequired:
      return 538;
    case Errc::Timeout:
    case Errc::Closed:
      return 421;
    case Errc::InUse:
      return 450;
    default:
      return permanent ? 550 : 451;
  }
}

}  // namespace

std::string to_wire(const Reply& reply, bool utf8) {
  std::string out;
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    out += std::to_string(reply.code);
    out += i + 1 < reply.lines.size() ? '-' : ' ';
    if (reply.status.cls != 0) out += to_string(reply.status) + ' ';
    for (const char c : std::string_view(reply.lines.at(i)).substr(0, kMaxReplyText)) {
      out += ascii::is_control(c) || (ascii::is_8bit(c) && !utf8) ? '?' : c;
    }
    out += "\r\n";
  }
  return out;
}

Reply to_reply(const Error& error) {
  // A reply's class and its status' class say the same (RFC 2034 section 4).
  const int code = code_of(error);
  EnhancedStatus status = error.status;
  status.cls = static_cast<std::uint8_t>(code / 100);
  return {code, status, error.public_text};
}

}  // namespace mail::smtp
