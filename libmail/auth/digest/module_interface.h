/* The C interface of tubepost-digest.so: what SCRAM-SHA-256 (RFC 5802, RFC 7677) computes with. */
#pragma once

#include <stddef.h>

// NOLINTBEGIN(readability-identifier-naming): names of a C interface are not in a namespace
#ifdef __cplusplus
extern "C" {
#endif

#define TUBEPOST_DIGEST_INTERFACE 1
#define TUBEPOST_SHA256_OCTETS 32

struct tubepost_digest {
  unsigned version; /* TUBEPOST_DIGEST_INTERFACE */
  /* 1, or 0 when the library failed. `out` has TUBEPOST_SHA256_OCTETS octets. */
  int (*sha256)(const char* data, size_t size, char* out);
  int (*hmac_sha256)(const char* key, size_t key_size, const char* data, size_t size, char* out);
  int (*pbkdf2_sha256)(const char* password, size_t password_size, const char* salt,
                       size_t salt_size, unsigned iterations, char* out);
  /* SASLprep (RFC 4013) of UTF-8, as a query: its size, or -1 when a code point is prohibited, the
     text is not UTF-8 or does not fit. */
  long (*saslprep)(const char* text, size_t size, char* out, size_t out_size);
};

const struct tubepost_digest* tubepost_digest_module(void);

#ifdef __cplusplus
}
#endif
// NOLINTEND(readability-identifier-naming)
