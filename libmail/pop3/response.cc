#include "libmail/pop3/response.h"

#include <algorithm>

#include "libmail/base/ascii.h"

namespace mail::pop3 {
namespace {

constexpr std::size_t kMaxText = 480;  // RFC 2449 section 4: 512 octets with all

std::string line(std::string_view status, std::string_view text) {
  std::string out(status);
  if (!text.empty()) out.append(" ").append(text.substr(0, kMaxText));
  std::replace_if(out.begin(), out.end(), ascii::is_control, '?');
  return out += "\r\n";
}

}  // namespace

std::string ok(std::string_view text) { return line("+OK", text); }
std::string error(std::string_view text) { return line("-ERR", text); }

std::string to_response(const Error& failure) {
  switch (failure.code) {
    case Errc::BadCredentials:
    case Errc::PrivacyRequired:
      return error("[AUTH] " + failure.public_text);
    case Errc::InUse:
      return error("[IN-USE] " + failure.public_text);
    case Errc::Denied:
      return error((failure.is_permanent() ? "[SYS/PERM] " : "[SYS/TEMP] ") + failure.public_text);
    case Errc::Syntax:
    case Errc::NotFound:
    case Errc::Unsupported:
      return error(failure.public_text);
    default:
      return error("[SYS/TEMP] " + failure.public_text);
  }
}

std::string to_login_response(const Error& failure) {
  if (failure.code == Errc::InUse) return error("[IN-USE] " + failure.public_text);
  // What is not there or cannot be read today is the system's fault, and may be mended.
  const bool is_final = failure.is_permanent() && failure.code == Errc::Denied;
  return error((is_final ? "[SYS/PERM] " : "[SYS/TEMP] ") + failure.public_text);
}

}  // namespace mail::pop3
