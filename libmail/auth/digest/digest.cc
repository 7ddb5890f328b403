#include "libmail/auth/digest/digest.h"

#include "libmail/base/module.h"
#include "libmail/base/utf8.h"

namespace mail::auth::digest {
namespace {

constexpr const char* kNotNow = "Authentication is not available now";
constexpr std::size_t kMostGrowth = 18;  // octets of NFKC for one octet, at worst (U+FDFA)

Result<std::string> made(int ok, std::string octets) {
  if (ok == 1) return octets;
  return fail(Errc::Internal, kNotNow, "tubepost-digest.so: OpenSSL failed");
}

}  // namespace

Result<Digest> Digest::open() {
  const auto address = base::open_module("tubepost-digest.so", "tubepost_digest_module");
  if (!address) return fail(Errc::Unavailable, kNotNow, address.error().log_text);
  const auto* module = reinterpret_cast<decltype(&tubepost_digest_module)>(*address)();
  if (module->version != TUBEPOST_DIGEST_INTERFACE) {
    return fail(Errc::Unavailable, kNotNow, "tubepost-digest.so is of another version");
  }
  return Digest(module);
}

Result<std::string> Digest::sha256(std::string_view data) const {
  std::string out(kSha256, '\0');
  const int ok = module_->sha256(data.data(), data.size(), out.data());
  return made(ok, std::move(out));
}

Result<std::string> Digest::hmac(std::string_view key, std::string_view data) const {
  std::string out(kSha256, '\0');
  const int ok = module_->hmac_sha256(key.data(), key.size(), data.data(), data.size(), out.data());
  return made(ok, std::move(out));
}

Result<std::string> Digest::pbkdf2(std::string_view password, std::string_view salt,
                                   unsigned iterations) const {
  std::string out(kSha256, '\0');
  const int ok = module_->pbkdf2_sha256(password.data(), password.size(), salt.data(), salt.size(),
                                        iterations, out.data());
  return made(ok, std::move(out));
}

Result<std::string> Digest::saslprep(std::string_view text) const {
  std::string out(text.size() * kMostGrowth, '\0');
  const long size = module_->saslprep(text.data(), text.size(), out.data(), out.size());
  if (size < 0) return fail(Errc::Syntax, "Malformed authentication response: bad characters");
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace mail::auth::digest
