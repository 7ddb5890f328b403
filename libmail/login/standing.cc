#include "libmail/login/standing.h"

#include "libmail/net/network.h"

namespace mail::login {

bool is_local(const net::Peer& peer) {
  return peer.address.empty() || peer.is_loopback() || peer.address == peer.local_address;
}

Result<Standing> stand(const Settings& settings, const net::Peer& peer) {
  Standing standing;
  const auto networks = TRY(net::parse_networks(settings.trusted_networks));
  standing.is_local = is_local(peer);
  standing.is_trusted = net::contains(networks, peer.address);
  // The machine itself is never outside: its own tools would be locked out.
  standing.is_refused =
      settings.refuse_outside && !networks.empty() && !standing.is_trusted && !standing.is_local;
  return standing;
}

auth::SaslPolicy sasl_policy(const Settings& settings, const Standing& standing) {
  const bool is_safe = standing.is_local || standing.is_trusted;
  const bool needs_tls = settings.ssl == Settings::Ssl::Required;
  auth::SaslPolicy policy;
  policy.plaintext_without_tls = is_safe || (!settings.disable_plaintext_auth && !needs_tls);
  policy.login_without_tls = is_safe || !needs_tls;
  policy.scram = settings.offer_scram;
  return policy;
}

}  // namespace mail::login
