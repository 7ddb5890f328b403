// SASL server mechanisms PLAIN (RFC 4616), LOGIN and SCRAM-SHA-256 (RFC 5802, RFC 7677), for SMTP
// (RFC 4954), POP3 (RFC 5034) and IMAP (RFC 3501 section 6.2.2, RFC 4959). One SaslExchange is one
// AUTH command; it works on the text between the protocol's framing: base 64 without CRLF, "+ " or
// "334 ".
//
//   auto exchange = SaslExchange::begin("PLAIN", peer);    // Unsupported: not one of ours
//   SaslStep step = exchange->start(initial_response);     // nullopt: the client gave none
//   while (step is a Challenge) step = exchange->respond(line);
//
// Ends with the account, or an Error: Syntax for wrong base 64, an empty name, fields too long;
// Closed for the cancellation "*" (the caller answers 501, -ERR, BAD); else what the authenticator
// says. Which mechanism may be used when is SaslPolicy's to say (sasl_policy.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/base/result.h"

namespace mail::auth {

// RFC 4954 section 4: a base 64 line can take 12288 octets; longer ones are the framer's to refuse.
inline constexpr std::size_t kMaxSaslLine = 12288;
inline constexpr std::size_t kMaxUserOctets = 255;  // RFC 4616 section 2
inline constexpr std::size_t kMaxPasswordOctets = 1024;

// Overwrites the octets before they are given back.
void wipe(std::string& secret);

// UTF-8 without controls (RFC 4013 prohibits them) of 1 to kMaxUserOctets octets: a name goes into
// PAM, a log and a file's grammar.
bool is_sasl_name(std::string_view name);

struct Challenge {
  std::string base64;  // empty: an empty challenge ("+ " or "334 ")
};

// What to do next: send a challenge, go on as this user, or answer a failure.
using SaslStep = std::variant<Challenge, Identity, Error>;

// Who is asked, and what is told beside name and password.
struct SaslPeer {
  Authenticator* authenticator = nullptr;
  std::string service;  // "pop3", "imap", "smtp"
  std::string address;
  bool tls = false;
};

class SaslExchange {
 public:
  static Result<SaslExchange> begin(std::string_view mechanism, const SaslPeer& peer);

  // `initial_response` as it stands on the command line: "=" is an empty one (RFC 4954 section 4).
  SaslStep start(std::optional<std::string_view> initial_response);
  SaslStep respond(std::string_view line);

  [[nodiscard]] std::string_view mechanism() const;                // for the log
  [[nodiscard]] const std::string& user() const { return user_; }  // as given; empty: not yet

 private:
  enum class Kind : std::uint8_t { Plain, Login, ScramSha256 };
  enum class Stage : std::uint8_t { First, Second, Last };
  SaslExchange(Kind kind, SaslPeer peer) : kind_(kind), peer_(std::move(peer)) {}
  SaslStep take(std::string_view octets);
  SaslStep take_plain(std::string_view octets);
  SaslStep take_login(std::string_view octets);
  SaslStep take_scram_first(std::string_view octets);
  SaslStep take_scram_final(std::string_view octets);
  SaslStep take_scram_end(std::string_view octets);
  SaslStep verify(std::string_view password);

  Kind kind_;
  SaslPeer peer_;
  Stage stage_ = Stage::First;
  std::string user_;
  std::string gs2_header_, nonce_;  // SCRAM: what the client's final message must repeat
  Identity identity_;               // SCRAM: proved, the client's last word is awaited
};

}  // namespace mail::auth
