// Digest: SHA-256, HMAC, PBKDF2 and SASLprep out of tubepost-digest.so, which is opened when a
// process first needs one (a monitor, at a SCRAM password). No process that meets a stranger does.
#pragma once

#include <string>
#include <string_view>

#include "libmail/auth/digest/module_interface.h"
#include "libmail/base/result.h"

namespace mail::auth::digest {

inline constexpr std::size_t kSha256 = TUBEPOST_SHA256_OCTETS;

class Digest {
 public:
  // Unavailable: no module, or one of another version.
  static Result<Digest> open();

  // Each of kSha256 octets. Internal when OpenSSL fails (no memory, a provider is missing).
  [[nodiscard]] Result<std::string> sha256(std::string_view data) const;
  [[nodiscard]] Result<std::string> hmac(std::string_view key, std::string_view data) const;
  [[nodiscard]] Result<std::string> pbkdf2(std::string_view password, std::string_view salt,
                                           unsigned iterations) const;
  // Syntax when RFC 4013 prohibits it.
  [[nodiscard]] Result<std::string> saslprep(std::string_view text) const;

 private:
  explicit Digest(const tubepost_digest* module) : module_(module) {}
  const tubepost_digest* module_;
};

}  // namespace mail::auth::digest
