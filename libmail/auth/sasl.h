// SASL server mechanisms PLAIN (RFC 4616) and LOGIN, for SMTP (RFC 4954), POP3 (RFC 5034) and IMAP
// (RFC 3501 section 6.2.2, RFC 4959). One SaslExchange is one AUTH command; it works on the text
// between the protocol's framing: base 64 without CRLF, "+ " or "334 ".
//
//   auto exchange = SaslExchange::begin("PLAIN");          // Unsupported: not one of ours
//   SaslStep step = exchange->start(initial_response);     // nullopt: the client gave none
//   while (step is a Challenge) step = exchange->respond(line);
//
// Wrong base 64, an empty name and fields too long are Syntax errors; "*" is a cancellation
// (Closed: the caller answers 501, -ERR, BAD). A password that is given is not checked here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "libmail/base/result.h"

namespace mail::auth {

// RFC 4954 section 4: a base 64 line can take 12288 octets; longer ones are the framer's to refuse.
inline constexpr std::size_t kMaxSaslLine = 12288;
inline constexpr std::size_t kMaxUserOctets = 255;  // RFC 4616 section 2
inline constexpr std::size_t kMaxPasswordOctets = 1024;

// Overwrites the octets before they are given back.
void wipe(std::string& secret);

// A name and a password, wiped at the end.
struct Credentials {
  std::string user;
  std::string password;

  Credentials() = default;
  Credentials(std::string name, std::string secret)
      : user(std::move(name)), password(std::move(secret)) {}
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  Credentials(Credentials&& other) noexcept;
  Credentials& operator=(Credentials&& other) noexcept;
  ~Credentials() { wipe(password); }
};

struct Challenge {
  std::string base64;  // empty: an empty challenge ("+ " or "334 ")
};

// What to do next: send a challenge, check credentials, or answer a failure.
using SaslStep = std::variant<Challenge, Credentials, Error>;

// Names as they are offered, in order of preference.
const std::vector<std::string_view>& sasl_mechanisms();

class SaslExchange {
 public:
  static Result<SaslExchange> begin(std::string_view mechanism);

  // `initial_response` as it stands on the command line: "=" is an empty one (RFC 4954 section 4).
  SaslStep start(std::optional<std::string_view> initial_response);
  SaslStep respond(std::string_view line);

  [[nodiscard]] std::string_view mechanism() const;  // for the log

 private:
  enum class Kind : std::uint8_t { Plain, Login };
  explicit SaslExchange(Kind kind) : kind_(kind) {}
  SaslStep take(std::string_view octets);
  SaslStep take_plain(std::string_view octets);
  SaslStep take_login(std::string_view octets);

  Kind kind_;
  std::string user_;  // LOGIN: given, the password is awaited
  bool has_user_ = false;
};

}  // namespace mail::auth
