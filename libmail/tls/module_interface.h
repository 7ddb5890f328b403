/* The C interface of tubepost-tls.so. Texts are NUL-terminated and cut to their sizes. */
#pragma once

#include <stddef.h>

// NOLINTBEGIN(readability-identifier-naming): names of a C interface are not in a namespace
#ifdef __cplusplus
extern "C" {
#endif

#define TUBEPOST_TLS_INTERFACE 2

typedef struct tubepost_tls_context tubepost_tls_context;
typedef struct tubepost_tls_session tubepost_tls_session;

enum tubepost_tls_result {
  TUBEPOST_TLS_DONE = 0,
  TUBEPOST_TLS_WANT_READ = 1,  /* again when the descriptor is readable */
  TUBEPOST_TLS_WANT_WRITE = 2, /* again when it is writable */
  TUBEPOST_TLS_CLOSED = 3,     /* the peer has closed, orderly or not */
  TUBEPOST_TLS_FAILED = 4,
};

/* Versions, as bits of a set. */
enum tubepost_tls_version {
  TUBEPOST_TLS_1_0 = 1,
  TUBEPOST_TLS_1_1 = 2,
  TUBEPOST_TLS_1_2 = 4,
  TUBEPOST_TLS_1_3 = 8,
};

/* Octets of a secret from which the ticket keys of each service are derived. */
#define TUBEPOST_TLS_TICKET_SECRET 32

struct tubepost_tls_options {
  unsigned
      versions; /* with 1.0 or 1.1 in the set their weak digests are allowed (security level 0) */
  const char* ciphers; /* up to TLS 1.2, in OpenSSL's words; empty: the system's */
  int prefer_server_ciphers;
  const char* service; /* sessions of another service are not resumed; 32 octets at most */
  unsigned long ticket_lifetime_s; /* told to the client with a ticket */
};

/* A certificate with its chain behind it, and its key. */
struct tubepost_tls_pem {
  const char* certificate;
  size_t certificate_size;
  const char* key;
  size_t key_size;
};

/* Certificates that are read when a client asks for them by name (RFC 6066 section 3). */
struct tubepost_tls_names {
  /* The number of the certificate of a name as the client wrote it; -1: the default one. */
  long (*find)(void* owner, const char* name);
  /* Calls use_certificate() for the session, once for each kind of key; if it does not, the default
   * certificate is used. Called once at most, and only when a certificate is needed: a resumed
   * session needs none. */
  void (*fetch)(void* owner, long number, tubepost_tls_session*);
};

struct tubepost_tls {
  unsigned version; /* TUBEPOST_TLS_INTERFACE */
  /* NULL when the options cannot be met; `why` says what is wrong. */
  tubepost_tls_context* (*new_context)(const struct tubepost_tls_options*, char* why,
                                       size_t why_size);
  void (*free_context)(tubepost_tls_context*);
  /* The default certificate, once for each kind of key. 1, or 0 and why. */
  int (*add_certificate)(tubepost_tls_context*, const struct tubepost_tls_pem*, char* why,
                         size_t why_size);
  /* Secrets of TUBEPOST_TLS_TICKET_SECRET octets each, behind each other: new tickets are sealed by
   * the first, all open tickets. None: no tickets. */
  void (*set_ticket_secrets)(tubepost_tls_context*, const char* secrets, size_t count);

  /* `names` may be NULL; it and `owner` outlive the session. */
  tubepost_tls_session* (*new_session)(tubepost_tls_context*, int fd,
                                       const struct tubepost_tls_names* names, void* owner);
  int (*use_certificate)(tubepost_tls_session*, const struct tubepost_tls_pem*, char* why,
                         size_t why_size);
  enum tubepost_tls_result (*accept)(tubepost_tls_session*, char* why, size_t why_size);
  enum tubepost_tls_result (*read)(tubepost_tls_session*, char* into, size_t size, size_t* got);
  enum tubepost_tls_result (*write)(tubepost_tls_session*, const char* from, size_t size,
                                    size_t* put);
  int (*pending)(const tubepost_tls_session*); /* decrypted octets wait */
  void (*close_notify)(tubepost_tls_session*);
  /* "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)" */
  void (*describe)(const tubepost_tls_session*, char* text, size_t size);
  int (*was_resumed)(const tubepost_tls_session*);
  void (*free_session)(tubepost_tls_session*);

  /* A self-signed certificate for a host, ten years, as PEM; its key is `key` if that is not empty,
   * else a new P-256 one, written there. 1, or 0 and why. */
  int (*make_certificate)(const char* host, char* certificate, size_t certificate_size, char* key,
                          size_t key_size, char* why, size_t why_size);
};

const struct tubepost_tls* tubepost_tls_module(void);

#ifdef __cplusplus
}
#endif
// NOLINTEND(readability-identifier-naming)
