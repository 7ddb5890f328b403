#include "libmail/auth/scram_server.h"

#include "libmail/auth/crypt_password.h"
#include "libmail/auth/sasl.h"
#include "libmail/base/ascii.h"
#include "libmail/base/base64.h"
#include "libmail/base/utf8.h"

namespace mail::auth {
namespace {

Error not_keys() {
  return make_error(Errc::Config, "Authentication is not available now",
                    "password file: {SCRAM-SHA-256} is not iterations,salt,StoredKey,ServerKey");
}

Result<std::string> key_of(std::string_view text) {
  auto octets = base64::decode(text);
  if (!octets || octets->size() != digest::kSha256) return fail(not_keys());
  return std::move(*octets);
}

std::string exclusive_or(std::string_view a, std::string_view b) {
  std::string out(a);
  for (std::size_t at = 0; at < out.size(); ++at) {
    out.at(at) = static_cast<char>(out.at(at) ^ b.at(at));
  }
  return out;
}

// SaltedPassword := Hi(Normalize(password), salt, i). US-ASCII is what it is prepared to, but for
// controls, which no keyboard gives.
Result<std::string> salt_password(const digest::Digest& digest, std::string_view password,
                                  std::string_view salt, unsigned iterations) {
  std::string prepared(password);
  if (!utf8::is_ascii(password)) {
    auto normal = digest.saslprep(password);
    if (normal) prepared = std::move(*normal);
  }
  auto salted = digest.pbkdf2(prepared, salt, iterations);
  wipe(prepared);
  return salted;
}

// StoredKey := H(HMAC(SaltedPassword, "Client Key"))
Result<std::string> stored_key_of(const digest::Digest& digest, std::string_view salted) {
  std::string client_key = TRY(digest.hmac(salted, "Client Key"));
  auto stored = digest.sha256(client_key);
  wipe(client_key);
  return stored;
}

}  // namespace

Result<ScramKeys> parse_scram_keys(std::string_view text) {
  const auto fields = ascii::split(text, ',');
  if (fields.size() != 4) return fail(not_keys());
  const auto iterations = ascii::to_number<unsigned>(fields.at(0));
  const auto salt = base64::decode(fields.at(1));
  if (!iterations || *iterations == 0 || *iterations > kMaxScramIterations || !salt ||
      salt->empty() || salt->size() > kMaxScramSalt) {
    return fail(not_keys());
  }
  ScramKeys keys;
  keys.iterations = *iterations;
  keys.salt = *salt;
  keys.stored_key = TRY(key_of(fields.at(2)));
  keys.server_key = TRY(key_of(fields.at(3)));
  return keys;
}

std::string to_text(const ScramKeys& keys) {
  return std::to_string(keys.iterations) + ',' + base64::encode(keys.salt) + ',' +
         base64::encode(keys.stored_key) + ',' + base64::encode(keys.server_key);
}

Result<ScramKeys> derive_scram_keys(const digest::Digest& digest, std::string_view password,
                                    std::string salt, unsigned iterations) {
  ScramKeys keys;
  keys.iterations = iterations;
  keys.salt = std::move(salt);
  std::string salted = TRY(salt_password(digest, password, keys.salt, iterations));
  auto stored_key = stored_key_of(digest, salted);
  auto server_key = digest.hmac(salted, "Server Key");
  wipe(salted);
  keys.stored_key = TRY(std::move(stored_key));
  keys.server_key = TRY(std::move(server_key));
  return keys;
}

Result<bool> matches_scram_keys(const digest::Digest& digest, std::string_view password,
                                const ScramKeys& keys) {
  std::string salted = TRY(salt_password(digest, password, keys.salt, keys.iterations));
  auto stored_key = stored_key_of(digest, salted);
  wipe(salted);
  if (!stored_key) return fail(stored_key.error());
  return equal_in_constant_time(keys.stored_key, *stored_key);
}

ScramServer::ScramServer(ScramKeys keys, const ScramFirst& first, std::string_view server_nonce)
    : keys_(std::move(keys)),
      gs2_header_(first.gs2_header),
      client_first_bare_(first.bare),
      nonce_(std::string(first.nonce) + std::string(server_nonce)),
      first_message_("r=" + nonce_ + ",s=" + base64::encode(keys_.salt) +
                     ",i=" + std::to_string(keys_.iterations)) {}

Result<std::string> ScramServer::finish(const digest::Digest& digest,
                                        const ScramFinal& final) const {
  const auto bad = [] { return fail(Errc::BadCredentials, "Authentication failed"); };
  if (final.proof.size() != kScramProof) return bad();
  // client-final-message-without-proof is made here, not taken: it holds our nonce.
  const std::string auth_message = client_first_bare_ + ',' + first_message_ +
                                   ",c=" + base64::encode(gs2_header_) + ",r=" + nonce_ +
                                   std::string(final.extensions);
  const std::string client_signature = TRY(digest.hmac(keys_.stored_key, auth_message));
  std::string client_key = exclusive_or(final.proof, client_signature);
  const auto stored_key = digest.sha256(client_key);
  wipe(client_key);
  if (!stored_key) return fail(stored_key.error());
  if (!equal_in_constant_time(keys_.stored_key, *stored_key)) return bad();
  return digest.hmac(keys_.server_key, auth_message);
}

}  // namespace mail::auth
