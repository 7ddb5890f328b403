// HandOver: the record with which a logged-in connection passes from the role that met the stranger
// to the session that runs as the user (DESIGN.md section 3). Written by the monitor, read once by
// the session from a descriptor; fixed order of length-prefixed fields, version first. The session
// refuses a record of another version (an upgrade may have replaced the binary).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libmail/auth/authenticator.h"
#include "libmail/base/result.h"
#include "libmail/net/transport.h"

namespace mail::login {

inline constexpr std::uint32_t kHandOverVersion = 2;
inline constexpr std::size_t kMaxHandOverOctets = 4U << 20U;

struct HandOver {
  auth::Identity identity;
  std::string login_name;  // as the client spelled it, for the log
  std::string unread;      // octets read from the peer and not used yet (pipelined after login)
  std::string tag;         // what the protocol's session needs from before login. IMAP: the tag of
                           // LOGIN/AUTHENTICATE that it answers; POP3: "UTF8" where that was said
  net::Peer peer;
  bool tls = false;
  std::string tls_description;
  // What the monitor was configured with, opaque here: the session reads no file again, so that it
  // runs by the last good configuration too, and by files its user may not read.
  std::string configuration;
};

std::string serialize(const HandOver& record);
Result<HandOver> parse_hand_over(std::string_view octets);  // Corrupt; Config for another version

}  // namespace mail::login
