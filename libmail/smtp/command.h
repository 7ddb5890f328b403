// Commands of SMTP, typed (RFC 5321 section 4.1.1), and the table of verbs. Used by the server;
// parsers are pure and know no state.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "libmail/address/path.h"
#include "libmail/base/result.h"

namespace mail::smtp {

struct Helo {
  std::string domain;
  bool extended = false;  // EHLO, LHLO
};
struct Mail {
  address::ReversePath reverse_path;
  std::optional<std::uint64_t> size;  // octets, RFC 1870
  bool body_8bit = false;             // BODY=8BITMIME, RFC 6152
  bool smtputf8 = false;              // RFC 6531
  std::optional<std::string> auth;    // AUTH=, RFC 4954 section 5; decoded xtext
};
struct Rcpt {
  address::ForwardPath forward_path;
  std::string original;  // as written, without <>
};
struct Data {};
struct Rset {};
struct Noop {};
struct Quit {};
struct Help {};
struct Vrfy {
  std::string argument;
};
struct Expn {};
struct StartTls {};
struct Auth {
  std::string mechanism;
  std::optional<std::string> initial_response;
};

using Command =
    std::variant<Helo, Mail, Rcpt, Data, Rset, Noop, Quit, Help, Vrfy, Expn, StartTls, Auth>;

// States of a session, as bits: a verb is allowed in some.
enum State : std::uint8_t {
  Connected = 1,  // no HELO yet
  Greeted = 2,
  HasSender = 4,
  HasRecipient = 8,
};
inline constexpr std::uint8_t kAnyState = 15;
inline constexpr std::uint8_t kAfterGreeting = Greeted | HasSender | HasRecipient;

struct Verb {
  std::string_view name;
  Result<Command> (*parse)(std::string_view arguments);
  std::uint8_t allowed_in;     // RFC 5321 section 4.1.4
  bool ends_pipelined_group;   // RFC 2920 section 3.1
  std::string_view otherwise;  // said where it is not allowed: "Send MAIL first"
  bool before_tls = false;     // where TLS must be used (RFC 3207 section 4)
};
// LMTP's (RFC 2033) are the same with LHLO in place of HELO and EHLO.
std::span<const Verb> smtp_verbs();
std::span<const Verb> lmtp_verbs();

// First word of a line, without regard to case, and its arguments. Null: not known.
struct Split {
  const Verb* verb = nullptr;
  std::string_view arguments;
};
Split split_command(std::string_view line, std::span<const Verb> verbs);

}  // namespace mail::smtp
