// The server's part of SCRAM-SHA-256 (RFC 5802, RFC 7677): what is stored, and one exchange.
#pragma once

#include <string>
#include <string_view>

#include "libmail/auth/authenticator.h"
#include "libmail/auth/digest/digest.h"
#include "libmail/base/result.h"

namespace mail::auth {

inline constexpr unsigned kScramIterations = 4096;          // RFC 7677 section 4: at least
inline constexpr unsigned kMaxScramIterations = 1'000'000;  // a second of work
inline constexpr std::size_t kScramSalt = 16;               // octets, as Dovecot makes them
inline constexpr std::size_t kMaxScramSalt = 128;

struct ScramKeys {
  unsigned iterations = kScramIterations;
  std::string salt, stored_key, server_key;
};

// "iterations,salt,StoredKey,ServerKey", the latter three in base 64: what Dovecot stores behind
// {SCRAM-SHA-256}. Config when it is not that.
Result<ScramKeys> parse_scram_keys(std::string_view text);
std::string to_text(const ScramKeys& keys);

// Keys of a password (section 3). A password that SASLprep refuses is taken as it stands.
Result<ScramKeys> derive_scram_keys(const digest::Digest& digest, std::string_view password,
                                    std::string salt, unsigned iterations);

// Whether the password is that of the keys; the comparison takes the same time in any case.
Result<bool> matches_scram_keys(const digest::Digest& digest, std::string_view password,
                                const ScramKeys& keys);

class ScramServer {
 public:
  // `server_nonce` is unpredictable and used once.
  ScramServer(ScramKeys keys, const ScramFirst& first, std::string_view server_nonce);

  [[nodiscard]] const std::string& first_message() const { return first_message_; }
  // The server's signature; BadCredentials when the proof is wrong.
  Result<std::string> finish(const digest::Digest& digest, const ScramFinal& final) const;

 private:
  ScramKeys keys_;
  std::string gs2_header_, client_first_bare_, nonce_, first_message_;
};

}  // namespace mail::auth
