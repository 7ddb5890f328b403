// Trace fields (RFC 5321 section 4.4) in the shape Postfix gives them, which the log and spam tools
// that read them know. Every builder gives whole fields with LF line ends; values from a stranger
// lose control characters, and inside comments parentheses and backslashes too, so that a HELO
// name can never begin a field or close a comment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/address/path.h"
#include "libmail/message/date.h"

namespace mail::message {

// Received: from PC (unknown [192.168.10.30])
//         by mail.linuxprobe.com (Tubepost) with ESMTP id 9D35A61
//         for <root@linuxprobe.com>; Sat, 15 Aug 2017 19:02:06 +0800 (CST)
struct Received {
  std::string helo;                   // empty: from a local user, `user_id` says which
  std::string client_name;            // by reverse DNS; empty: "unknown"
  std::string client_address;         // "192.0.2.1", "2001:db8::1"; empty: no brackets
  std::vector<std::string> comments;  // each on its line: "using TLSv1.3 with cipher ..."
  std::optional<std::uint32_t> user_id;
  std::string by;
  std::string with;  // RFC 3848: ESMTP, ESMTPS, ESMTPSA, LMTP, UTF8SMTP, ...
  std::string id;    // queue id
  std::optional<address::AddrSpec> recipient;  // only when there is exactly one
  DateTime date;
  std::string zone_name;  // "CST"
};
std::string make_received(const Received& received);

std::string make_return_path(const address::ReversePath& path);
// The recipient as accepted (X-Original-To) and as delivered to (Delivered-To); DESIGN section 4.
std::string make_original_to(const address::AddrSpec& recipient);
std::string make_delivered_to(const address::AddrSpec& recipient);

// Visible text of a stranger for a header field: control characters dropped.
std::string without_controls(std::string_view text);

}  // namespace mail::message
