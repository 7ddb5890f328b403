#include "libmail/auth/crypt_password.h"

#include <crypt.h>
#include <dlfcn.h>

#include <array>
#include <cstring>
#include <memory>

#include "libmail/auth/digest/digest.h"
#include "libmail/auth/sasl.h"
#include "libmail/auth/scram_server.h"
#include "libmail/base/ascii.h"

namespace mail::auth {
namespace {

constexpr auto kCryptSchemes = std::to_array<std::string_view>(
    {"CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "MD5-CRYPT", "BLF-CRYPT", "DES-CRYPT", "YESCRYPT"});
constexpr std::string_view kScramScheme = "SCRAM-SHA-256";
constexpr auto kPlainSchemes = std::to_array<std::string_view>({"PLAIN", "CLEARTEXT", "CLEAR"});

constexpr std::size_t kMaxCryptPassword = CRYPT_MAX_PASSPHRASE_SIZE - 1;  // octets without the NUL

struct Stored {
  std::string_view scheme;
  std::string_view text;
};

// Without {SCHEME} it is CRYPT, as in Dovecot's passwd-file.
Stored split_scheme(std::string_view stored) {
  const auto close = stored.find('}');
  if (!stored.starts_with('{') || close == std::string_view::npos) return {"CRYPT", stored};
  return {stored.substr(1, close - 1), stored.substr(close + 1)};
}

template <class List>
bool contains(const List& list, std::string_view scheme) {
  for (const auto name : list) {
    if (ascii::iequals(name, scheme)) return true;
  }
  return false;
}

using CryptFunction = char* (*)(const char*, const char*, ::crypt_data*);

CryptFunction find_crypt() {
  void* library = ::dlopen("libcrypt.so.1", RTLD_NOW | RTLD_LOCAL);  // stays open
  if (library == nullptr) return nullptr;
  return reinterpret_cast<CryptFunction>(::dlsym(library, "crypt_r"));
}

Result<std::string> crypt(std::string_view password, std::string_view setting) {
  static const CryptFunction function = find_crypt();
  if (function == nullptr) {
    return fail(Errc::Unavailable, "Authentication is not available now",
                "libcrypt.so.1 with crypt_r cannot be opened");
  }
  const auto data = std::make_unique<::crypt_data>();  // 32 KiB: not for the stack
  std::string key(password);
  const char* hash = function(key.c_str(), std::string(setting).c_str(), data.get());
  wipe(key);
  std::string copy = hash == nullptr ? std::string("*0") : std::string(hash);
  ::explicit_bzero(data.get(), sizeof *data);
  if (copy.starts_with('*')) {
    return fail(Errc::Config, "Authentication is not available now",
                "password file: crypt(3) does not know this kind of hash");
  }
  return copy;
}

}  // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t at = 0; at < a.size(); ++at) {
    const char other = b.empty() ? '\0' : b.at(at % b.size());
    difference |= static_cast<unsigned char>(a.at(at)) ^ static_cast<unsigned char>(other);
  }
  return difference == 0;
}

bool is_locked(std::string_view stored) {
  const auto [scheme, text] = split_scheme(stored);
  if (contains(kPlainSchemes, scheme)) return text.empty();
  // As in /etc/shadow.
  return text.empty() || text.starts_with('!') || text.starts_with('*');
}

Result<bool> matches_stored_password(std::string_view password, std::string_view stored) {
  const auto [scheme, text] = split_scheme(stored);
  if (is_locked(stored)) return false;
  if (contains(kPlainSchemes, scheme)) return equal_in_constant_time(text, password);
  if (ascii::iequals(scheme, kScramScheme)) {
    const auto keys = TRY(parse_scram_keys(text));
    const auto digest = TRY(digest::Digest::open());
    return matches_scram_keys(digest, password, keys);
  }
  if (!contains(kCryptSchemes, scheme)) {
    return fail(Errc::Config, "Authentication is not available now",
                "password file: unknown scheme {" + std::string(scheme) + "}");
  }
  // crypt(3) refuses a longer one, which must not look like another mistake.
  const std::string hash = TRY(crypt(password.substr(0, kMaxCryptPassword), text));
  return equal_in_constant_time(text, hash) && password.size() <= kMaxCryptPassword;
}

Cost cost_of(std::string_view stored) {
  const auto [scheme, text] = split_scheme(stored);
  if (is_locked(stored)) return Cost::Nothing;
  if (ascii::iequals(scheme, kScramScheme)) return Cost::Scram;
  if (!contains(kCryptSchemes, scheme)) return Cost::Nothing;
  const bool is_slow = text.starts_with("$y$") || text.starts_with("$gy$") ||
                       text.starts_with("$7$") || text.starts_with("$2");
  return is_slow ? Cost::SlowCrypt : Cost::Crypt;
}

std::string unmatchable_like(std::string_view stored) {
  const auto [scheme, text] = split_scheme(stored);
  std::string copy(stored);
  if (ascii::iequals(scheme, kScramScheme)) {
    auto keys = parse_scram_keys(text);
    if (!keys) return "{PLAIN}";
    keys->stored_key.front() = static_cast<char>(keys->stored_key.front() ^ 1);
    return "{" + std::string(kScramScheme) + "}" + to_text(*keys);
  }
  if (!contains(kCryptSchemes, scheme)) return "{PLAIN}";
  // Another last digit: same setting, same work; the chance that it matches is that of guessing.
  if (!text.empty()) copy.back() = copy.back() == '.' ? '/' : '.';
  return copy;
}

ScramSource scram_source(std::string_view stored) {
  const auto [scheme, text] = split_scheme(stored);
  if (is_locked(stored)) return {};
  if (contains(kPlainSchemes, scheme)) return {{}, text};
  if (ascii::iequals(scheme, kScramScheme)) return {text, {}};
  return {};
}

}  // namespace mail::auth
