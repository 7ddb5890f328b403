#include "libmail/auth/sasl.h"

#include <array>
#include <cstring>

#include "libmail/auth/scram.h"
#include "libmail/base/ascii.h"
#include "libmail/base/base64.h"
#include "libmail/base/utf8.h"

namespace mail::auth {
namespace {

Error malformed(std::string_view why) {
  return make_error(Errc::Syntax, EnhancedStatus{5, 5, 2},
                    "Malformed authentication response: " + std::string(why));
}

SaslStep to_step(Result<Identity> identity) {
  if (!identity) return std::move(identity.error());
  return std::move(*identity);
}

}  // namespace

void wipe(std::string& secret) {
  ::explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

bool is_sasl_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxUserOctets || !utf8::is_valid(name)) return false;
  for (const char c : name) {
    if (ascii::is_control(c)) return false;
  }
  return true;
}

Result<SaslExchange> SaslExchange::begin(std::string_view mechanism, const SaslPeer& peer) {
  for (const auto kind : {Kind::Plain, Kind::Login, Kind::ScramSha256}) {
    SaslExchange exchange(kind, peer);
    if (ascii::iequals(mechanism, exchange.mechanism())) return exchange;
  }
  // RFC 4954 section 6: 504 5.5.4.
  return fail(make_error(Errc::Unsupported, EnhancedStatus{5, 5, 4},
                         "Unsupported authentication mechanism"));
}

std::string_view SaslExchange::mechanism() const {
  switch (kind_) {
    case Kind::Plain:
      return "PLAIN";
    case Kind::Login:
      return "LOGIN";
    case Kind::ScramSha256:
      break;
  }
  return "SCRAM-SHA-256";
}

SaslStep SaslExchange::start(std::optional<std::string_view> initial_response) {
  if (!initial_response) {
    // LOGIN asks for the name; elsewhere the client speaks first, so the challenge is empty.
    return Challenge{kind_ == Kind::Login ? base64::encode("Username:") : std::string()};
  }
  if (*initial_response == "=") return take("");
  return respond(*initial_response);
}

SaslStep SaslExchange::respond(std::string_view line) {
  if (line == "*")
    return make_error(Errc::Closed, EnhancedStatus{5, 7, 0}, "Authentication cancelled");
  if (line.size() > kMaxSaslLine) return malformed("too long");  // RFC 4954: 500 5.5.6
  // Spaces behind a response: some old clients leave one, and base 64 has none.
  while (line.ends_with(' ')) line.remove_suffix(1);
  auto octets = base64::decode(line);
  if (!octets) return malformed("not base 64");
  SaslStep step = take(*octets);
  wipe(*octets);
  return step;
}

SaslStep SaslExchange::take(std::string_view octets) {
  switch (kind_) {
    case Kind::Plain:
      return take_plain(octets);
    case Kind::Login:
      return take_login(octets);
    case Kind::ScramSha256:
      break;
  }
  switch (stage_) {
    case Stage::First:
      return take_scram_first(octets);
    case Stage::Second:
      return take_scram_final(octets);
    case Stage::Last:
      break;
  }
  return take_scram_end(octets);
}

SaslStep SaslExchange::verify(std::string_view password) {
  return to_step(peer_.authenticator->verify(
      {user_, password, peer_.service, peer_.address, mechanism(), peer_.tls}));
}

// message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 section 2)
SaslStep SaslExchange::take_plain(std::string_view octets) {
  const auto parts = ascii::split(octets, '\0');
  if (parts.size() != 3) return malformed("not three fields");
  const auto authorization = parts.at(0);
  const auto name = parts.at(1);
  const auto password = parts.at(2);
  if (!is_sasl_name(name)) return malformed("bad user name");
  if (password.empty() || password.size() > kMaxPasswordOctets) return malformed("bad password");
  user_ = name;
  if (!authorization.empty() && authorization != name) {
    // Nobody may act as another user here (master users are not offered).
    return make_error(Errc::Denied, EnhancedStatus{5, 7, 0}, "Authorization identity is not yours");
  }
  return verify(password);
}

SaslStep SaslExchange::take_login(std::string_view octets) {
  if (stage_ == Stage::First) {
    // draft-murchison-sasl-login: the name may end in NUL; some old clients send one.
    if (octets.ends_with('\0')) octets.remove_suffix(1);
    // "AUTH LOGIN =" is an empty name: ask for one.
    if (octets.empty()) return Challenge{base64::encode("Username:")};
    if (!is_sasl_name(octets)) return malformed("bad user name");
    user_ = octets;
    stage_ = Stage::Second;
    return Challenge{base64::encode("Password:")};
  }
  if (octets.empty() || octets.size() > kMaxPasswordOctets ||
      octets.find('\0') != std::string_view::npos) {
    return malformed("bad password");
  }
  return verify(octets);
}

SaslStep SaslExchange::take_scram_first(std::string_view octets) {
  auto first = parse_scram_first(octets);
  if (!first) return std::move(first.error());
  user_ = std::move(first->user);
  gs2_header_ = std::move(first->gs2_header);
  auto answer = peer_.authenticator->begin_scram(
      {user_, gs2_header_, first->nonce, first->bare, peer_.service, peer_.address, peer_.tls});
  if (!answer) return std::move(answer.error());
  nonce_ = nonce_of(*answer);
  stage_ = Stage::Second;
  return Challenge{base64::encode(*answer)};
}

SaslStep SaslExchange::take_scram_final(std::string_view octets) {
  const auto final = parse_scram_final(octets);
  if (!final) return final.error();
  // RFC 5802 section 5.1: "c" repeats the GS2 header, "r" is both nonces.
  if (final->channel_binding != gs2_header_) return malformed("channel bindings don't match");
  if (final->nonce != nonce_) return malformed("bad nonce");
  auto outcome = peer_.authenticator->finish_scram({final->proof, final->extensions});
  if (!outcome) return std::move(outcome.error());
  identity_ = std::move(outcome->identity);
  stage_ = Stage::Last;
  return Challenge{base64::encode("v=" + base64::encode(outcome->server_signature))};
}

// The protocols have no room for data with success: the client answers it with an empty response
// (RFC 4422 section 3.6).
SaslStep SaslExchange::take_scram_end(std::string_view octets) {
  if (!octets.empty()) return malformed("nothing was awaited");
  return std::move(identity_);
}

}  // namespace mail::auth
