// SMTP replies (RFC 5321 section 4.2) with enhanced status codes (RFC 2034, RFC 3463).
#pragma once

#include <string>
#include <vector>

#include "libmail/base/result.h"

namespace mail::smtp {

struct Reply {
  int code = 250;
  EnhancedStatus status;           // cls 0: none (greeting, EHLO, 354; RFC 2034 section 4)
  std::vector<std::string> lines;  // text without code; at least one

  Reply() = default;
  Reply(int reply_code, EnhancedStatus enhanced, std::string text)
      : code(reply_code), status(enhanced), lines{std::move(text)} {}
  Reply(int reply_code, std::vector<std::string> texts)
      : code(reply_code), lines(std::move(texts)) {}

  [[nodiscard]] bool is_positive() const { return code < 400; }
};

// With CRLF, multi-line replies as section 4.2.1 has them. Control characters become '?', so that
// nothing a client sent can begin a line of its own; octets outside US-ASCII too unless `utf8`.
std::string to_wire(const Reply& reply, bool utf8 = false);

// The table of section 4.2: what an Error says to the peer.
Reply to_reply(const Error& error);

}  // namespace mail::smtp
