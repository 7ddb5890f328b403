// Lines of POP3 (RFC 1939 section 3): octets to CRLF. A bare LF ends a line too: clients of devices
// send it, and nothing here can be smuggled behind it. The same lines for any division of the
// input. Lines may hold passwords: octets that were given out are wiped.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::pop3 {

// RFC 2449 section 4 allows 255 octets; a SASL response (RFC 5034 section 4) may be longer.
inline constexpr std::size_t kMaxLine = 12288;

class LineFramer {
 public:
  void feed(std::string_view octets) { buffer_ += octets; }
  // Next line without its end; nothing: more input is needed. TooLarge: the connection is not POP3,
  // now and from here on. Syntax: a NUL in it (PAM and crypt(3) would end the password there); the
  // next line may be right again.
  std::optional<Result<std::string>> next();
  // Octets fed and not used, for the session that takes over; empties the framer.
  std::string take_rest();
  void clear();

 private:
  std::optional<Result<std::string>> refuse();

  std::string buffer_;
  std::size_t at_ = 0;
  bool is_over_ = false;  // a line was too long
};

}  // namespace mail::pop3
