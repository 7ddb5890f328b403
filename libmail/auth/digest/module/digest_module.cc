// What SCRAM-SHA-256 computes with, by OpenSSL and utf8proc.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstring>

#include "libmail/auth/digest/module/saslprep.h"
#include "libmail/auth/digest/module_interface.h"

namespace {

const unsigned char* octets(const char* text) {
  return reinterpret_cast<const unsigned char*>(text);
}
unsigned char* octets(char* text) { return reinterpret_cast<unsigned char*>(text); }

int sha256(const char* data, size_t size, char* out) {
  return ::EVP_Digest(data, size, octets(out), nullptr, ::EVP_sha256(), nullptr);
}

int hmac_sha256(const char* key, size_t key_size, const char* data, size_t size, char* out) {
  return ::HMAC(::EVP_sha256(), key, static_cast<int>(key_size), octets(data), size, octets(out),
                nullptr) == nullptr
             ? 0
             : 1;
}

int pbkdf2_sha256(const char* password, size_t password_size, const char* salt, size_t salt_size,
                  unsigned iterations, char* out) {
  return ::PKCS5_PBKDF2_HMAC(password, static_cast<int>(password_size), octets(salt),
                             static_cast<int>(salt_size), static_cast<int>(iterations),
                             ::EVP_sha256(), TUBEPOST_SHA256_OCTETS, octets(out));
}

long saslprep(const char* text, size_t size, char* out, size_t out_size) {
  auto prepared = mail::auth::digest::saslprep({text, size});
  if (!prepared || prepared->size() > out_size) return -1;
  const std::size_t prepared_size = prepared->size();
  std::copy(prepared->begin(), prepared->end(), out);
  ::explicit_bzero(prepared->data(), prepared_size);
  return static_cast<long>(prepared_size);
}

const tubepost_digest kModule = {TUBEPOST_DIGEST_INTERFACE, sha256, hmac_sha256, pbkdf2_sha256,
                                 saslprep};

}  // namespace

__attribute__((visibility("default"))) const tubepost_digest* tubepost_digest_module(void) {
  return &kModule;
}
