/* The C interface of tubepost-tls.so. Texts are NUL-terminated and cut to their sizes. */
#pragma once

#include <stddef.h>

// NOLINTBEGIN(readability-identifier-naming): names of a C interface are not in a namespace
#ifdef __cplusplus
extern "C" {
#endif

#define TUBEPOST_TLS_INTERFACE 1

typedef struct tubepost_tls_context tubepost_tls_context;
typedef struct tubepost_tls_session tubepost_tls_session;

enum tubepost_tls_result {
  TUBEPOST_TLS_DONE = 0,
  TUBEPOST_TLS_WANT_READ = 1,  /* again when the descriptor is readable */
  TUBEPOST_TLS_WANT_WRITE = 2, /* again when it is writable */
  TUBEPOST_TLS_CLOSED = 3,     /* the peer has closed, orderly or not */
  TUBEPOST_TLS_FAILED = 4,
};

struct tubepost_tls {
  unsigned version; /* TUBEPOST_TLS_INTERFACE */
  /* NULL when certificate or key cannot be used; `why` says what is wrong. */
  tubepost_tls_context* (*new_server)(const char* certificate_pem, size_t certificate_size,
                                      const char* key_pem, size_t key_size, char* why,
                                      size_t why_size);
  void (*free_context)(tubepost_tls_context*);

  tubepost_tls_session* (*new_session)(tubepost_tls_context*, int fd);
  enum tubepost_tls_result (*accept)(tubepost_tls_session*, char* why, size_t why_size);
  enum tubepost_tls_result (*read)(tubepost_tls_session*, char* into, size_t size, size_t* got);
  enum tubepost_tls_result (*write)(tubepost_tls_session*, const char* from, size_t size,
                                    size_t* put);
  int (*pending)(const tubepost_tls_session*); /* decrypted octets wait */
  void (*close_notify)(tubepost_tls_session*);
  /* "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)" */
  void (*describe)(const tubepost_tls_session*, char* text, size_t size);
  void (*free_session)(tubepost_tls_session*);
};

const struct tubepost_tls* tubepost_tls_module(void);

#ifdef __cplusplus
}
#endif
// NOLINTEND(readability-identifier-naming)
