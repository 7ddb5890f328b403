// Replies of an SMTP server (RFC 5321 section 4.2), read from octets that may come in any pieces:
// the same octets give the same replies. Total: what is no reply is an Error, never more than the
// limits below is held.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"

namespace mail::relay {

inline constexpr std::size_t kMaxReplyLine = 2048;  // octets; RFC 5321 section 4.5.3.1.5 has 512
inline constexpr std::size_t kMaxReplyLines = 200;
inline constexpr std::size_t kMaxReplyText = 1000;  // octets kept of a whole reply

struct RemoteReply {
  int code = 0;                    // 200 to 599
  EnhancedStatus status;           // from the last line's text (RFC 2034), or made from the code
  std::string text;                // all lines joined by spaces, controls as '?', cut
  std::vector<std::string> lines;  // each line's text
  // 2yz: done. 3yz is positive only where it is asked for (354), and is compared there.
  [[nodiscard]] bool is_positive() const { return code / 100 == 2; }
  [[nodiscard]] bool is_permanent() const { return code / 100 == 5; }
  [[nodiscard]] std::string to_string() const { return std::to_string(code) + ' ' + text; }
};

class ReplyParser {
 public:
  void feed(std::string_view octets) { octets_ += octets; }
  // The next whole reply; nothing: more octets are needed. After an Error (Syntax) it is of no
  // further use: where the next reply would begin is not known.
  Result<std::optional<RemoteReply>> next();
  // Octets that no reply has been made of.
  [[nodiscard]] bool has_rest() const { return !octets_.empty() || reply_.code != 0; }

 private:
  Result<bool> take_line(std::string_view line);

  std::string octets_;
  RemoteReply reply_;
};

}  // namespace mail::relay
