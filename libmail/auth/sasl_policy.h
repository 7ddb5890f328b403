// SaslPolicy: which mechanisms a connection may use, before and under TLS (requirements S50, S51;
// Dovecot's disable_plaintext_auth, ssl and auth_mechanisms).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"

namespace mail::auth {

struct SaslPolicy {
  bool scram = false;  // every account's password can be proved by SCRAM
  // On a connection without TLS:
  bool plaintext_without_tls = false;  // passwords may travel (PLAIN, LOGIN, USER/PASS)
  bool login_without_tls = true;       // any login at all; no with ssl = required

  [[nodiscard]] bool allows_plaintext(bool tls) const {
    return tls || (plaintext_without_tls && login_without_tls);
  }
  [[nodiscard]] bool allows_login(bool tls) const { return tls || login_without_tls; }

  // Names to offer now, in order of preference for clients that take the first they know: a
  // password over TLS is what old clients can; a proof is what travels without it.
  [[nodiscard]] std::vector<std::string_view> offered(bool tls) const;
  // Why `mechanism` may not begin now: Unsupported (RFC 4954: 504), PrivacyRequired (538), nothing.
  [[nodiscard]] std::optional<Error> objection_to(std::string_view mechanism, bool tls) const;
};

}  // namespace mail::auth
