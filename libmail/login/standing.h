// Standing: what a peer's address is worth here (requirements S50, S51, finding 2), and which ways
// to log in that leaves.
#pragma once

#include "libmail/auth/sasl_policy.h"
#include "libmail/base/result.h"
#include "libmail/login/server.h"
#include "libmail/net/transport.h"

namespace mail::login {

struct Standing {
  bool is_local = false;    // this machine itself: what goes there stays inside
  bool is_trusted = false;  // in login_trusted_networks
  bool is_refused = false;  // outside of them, where login_networks_outside = refuse
};

// Config: login_trusted_networks cannot be read.
Result<Standing> stand(const Settings& settings, const net::Peer& peer);

// disable_plaintext_auth and ssl, from which this machine and trusted networks are exempt as in
// Dovecot; SCRAM where the settings offer it and every account can.
auth::SaslPolicy sasl_policy(const Settings& settings, const Standing& standing);

}  // namespace mail::login
