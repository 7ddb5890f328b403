// OpenSSL behind the C interface of tubepost-tls.so.
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/pemerr.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <climits>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "libmail/tls/module/own_certificate.h"
#include "libmail/tls/module/say.h"
#include "libmail/tls/module_interface.h"

namespace {

using mail::tls::clamp;
using mail::tls::say;

// The keys of session tickets: an id, AES-256-CBC, HMAC-SHA-256 (RFC 5077 section 4).
struct TicketKeys {
  unsigned char name[16];
  unsigned char cipher[32];
  unsigned char mac[32];
};
constexpr size_t kMaxTicketKeys = 2;

struct Deleter {
  void operator()(BIO* it) const { ::BIO_free(it); }
  void operator()(X509* it) const { ::X509_free(it); }
  void operator()(EVP_PKEY* it) const { ::EVP_PKEY_free(it); }
  void operator()(STACK_OF(X509) * it) const { sk_X509_pop_free(it, ::X509_free); }
};
template <class T>
using Handle = std::unique_ptr<T, Deleter>;

}  // namespace

struct tubepost_tls_context {
  SSL_CTX* ssl = nullptr;
  std::string label;  // what tickets are good for: service, versions, ciphers
  TicketKeys tickets[kMaxTicketKeys] = {};
  size_t ticket_count = 0;
};
struct tubepost_tls_session {
  SSL* ssl = nullptr;
  const tubepost_tls_names* names = nullptr;  // null after the handshake
  void* owner = nullptr;
  long wanted = -1;  // the number of the certificate that the client's name asks for
  bool was_fetched = false;
  bool is_named = false;  // the default certificate was taken off
};

namespace {

int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

// A certificate with its chain, and its key.
struct Pair {
  Handle<X509> leaf;
  Handle<STACK_OF(X509)> chain;
  Handle<EVP_PKEY> key;
};

// The leaf first, its chain behind it.
bool read_certificates(const char* pem, size_t size, Pair& into) {
  const Handle<BIO> in(::BIO_new_mem_buf(pem, clamp(size)));
  into.leaf.reset(::PEM_read_bio_X509_AUX(in.get(), nullptr, nullptr, nullptr));
  into.chain.reset(sk_X509_new_null());
  if (!into.leaf || !into.chain) return false;
  for (;;) {
    X509* next = ::PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr);
    if (next == nullptr) break;
    if (sk_X509_push(into.chain.get(), next) == 0) {
      ::X509_free(next);
      return false;
    }
  }
  // The file's end; anything else is a damaged certificate, which would leave the chain short.
  if (ERR_GET_REASON(::ERR_peek_last_error()) != PEM_R_NO_START_LINE) return false;
  ::ERR_clear_error();
  return true;
}

bool is_encrypted(const tubepost_tls_pem* pem) {
  return std::string_view(pem->key, pem->key_size).find("ENCRYPTED") != std::string_view::npos;
}

bool read_pair(const tubepost_tls_pem* pem, Pair& into, char* why, size_t why_size) {
  ::ERR_clear_error();
  if (!read_certificates(pem->certificate, pem->certificate_size, into)) {
    say(why, why_size, "certificate");
    return false;
  }
  const Handle<BIO> in(::BIO_new_mem_buf(pem->key, clamp(pem->key_size)));
  into.key.reset(::PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr));
  if (!into.key) {
    say(why, why_size,
        is_encrypted(pem) ? "private key: protected by a passphrase, which no server can type"
                          : "private key");
    return false;
  }
  if (::X509_check_private_key(into.leaf.get(), into.key.get()) != 1) {
    say(why, why_size, "certificate and key do not belong together");
    return false;
  }
  return true;
}

int add_certificate(tubepost_tls_context* context, const tubepost_tls_pem* pem, char* why,
                    size_t why_size) {
  Pair pair;
  if (!read_pair(pem, pair, why, why_size)) return 0;
  if (::SSL_CTX_use_cert_and_key(context->ssl, pair.leaf.get(), pair.key.get(), pair.chain.get(),
                                 1) == 1) {
    return 1;
  }
  say(why, why_size, "certificate");
  return 0;
}

int use_certificate(tubepost_tls_session* session, const tubepost_tls_pem* pem, char* why,
                    size_t why_size) {
  Pair pair;
  if (!read_pair(pem, pair, why, why_size)) return 0;
  // Only now: the default certificate stays when no other can be had.
  if (!session->is_named) ::SSL_certs_clear(session->ssl);
  session->is_named = true;
  if (::SSL_use_cert_and_key(session->ssl, pair.leaf.get(), pair.key.get(), pair.chain.get(), 1) ==
      1) {
    return 1;
  }
  say(why, why_size, "certificate");
  return 0;
}

// The client's name has come (RFC 6066 section 3); whether we have a certificate for it.
int on_name(SSL* ssl, int* /*alert*/, void* /*unused*/) {
  auto* session = static_cast<tubepost_tls_session*>(SSL_get_app_data(ssl));
  const char* name = ::SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr || session->names == nullptr) return SSL_TLSEXT_ERR_NOACK;
  session->wanted = session->names->find(session->owner, name);
  return session->wanted < 0 ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK;
}

// A certificate is needed: the session is not a resumed one.
int on_certificate_needed(SSL* ssl, void* /*unused*/) {
  auto* session = static_cast<tubepost_tls_session*>(SSL_get_app_data(ssl));
  // TLS 1.3 asks again after a HelloRetryRequest.
  if (session->names == nullptr || session->wanted < 0 || session->was_fetched) return 1;
  session->was_fetched = true;
  session->names->fetch(session->owner, session->wanted, session);
  return 1;
}

// Ticket keys differ where service, versions or ciphers differ: what one port negotiates is no
// ticket for another, nor do the keys in one service's process open those of another service.
bool derive(const std::string& label, const char* secret, TicketKeys& keys) {
  unsigned char block[3][EVP_MAX_MD_SIZE];
  for (unsigned char part = 0; part < 3; ++part) {
    const std::string info = label + static_cast<char>(part);
    unsigned size = 0;
    if (::HMAC(::EVP_sha256(), secret, TUBEPOST_TLS_TICKET_SECRET,
               reinterpret_cast<const unsigned char*>(info.data()), info.size(), block[part],
               &size) == nullptr) {
      return false;
    }
  }
  std::memcpy(keys.name, block[0], sizeof keys.name);
  std::memcpy(keys.cipher, block[1], sizeof keys.cipher);
  std::memcpy(keys.mac, block[2], sizeof keys.mac);
  ::OPENSSL_cleanse(block, sizeof block);
  return true;
}

void set_ticket_secrets(tubepost_tls_context* context, const char* secrets, size_t count) {
  context->ticket_count = 0;
  for (size_t i = 0; i < count && i < kMaxTicketKeys; ++i) {
    if (!derive(context->label, secrets + (i * TUBEPOST_TLS_TICKET_SECRET), context->tickets[i])) {
      break;
    }
    ++context->ticket_count;
  }
  if (context->ticket_count == 0) {
    ::SSL_CTX_set_num_tickets(context->ssl, 0);
    ::SSL_CTX_set_options(context->ssl, SSL_OP_NO_TICKET);
  } else {
    ::SSL_CTX_set_num_tickets(context->ssl, 2);
    ::SSL_CTX_clear_options(context->ssl, SSL_OP_NO_TICKET);
  }
}

bool prepare(const TicketKeys& keys, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
             int sealing) {
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      ::OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(keys.mac),
                                          sizeof keys.mac),
      ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      ::OSSL_PARAM_construct_end(),
  };
  return ::EVP_CipherInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, keys.cipher, iv, sealing) == 1 &&
         ::EVP_MAC_CTX_set_params(mac, params) == 1;
}

// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 not ours, 1 done, 2 done and a new one is due.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int sealing) {
  const auto* context =
      static_cast<tubepost_tls_context*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(ssl)));
  if (sealing != 0) {
    if (context->ticket_count == 0) return -1;
    const auto& keys = context->tickets[0];
    if (::RAND_bytes(iv, ::EVP_CIPHER_get_iv_length(::EVP_aes_256_cbc())) != 1) return -1;
    std::memcpy(name, keys.name, sizeof keys.name);
    return prepare(keys, iv, cipher, mac, 1) ? 1 : -1;
  }
  for (size_t i = 0; i < context->ticket_count; ++i) {
    const auto& keys = context->tickets[i];
    if (std::memcmp(name, keys.name, sizeof keys.name) != 0) continue;
    if (!prepare(keys, iv, cipher, mac, 0)) return -1;
    return i == 0 ? 1 : 2;
  }
  return 0;
}

bool set_versions(SSL_CTX* ssl, unsigned versions) {
  struct Version {
    unsigned bit;
    int number;
    uint64_t off;
  };
  constexpr Version kVersions[] = {{TUBEPOST_TLS_1_0, TLS1_VERSION, SSL_OP_NO_TLSv1},
                                   {TUBEPOST_TLS_1_1, TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
                                   {TUBEPOST_TLS_1_2, TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
                                   {TUBEPOST_TLS_1_3, TLS1_3_VERSION, SSL_OP_NO_TLSv1_3}};
  int oldest = 0;
  int newest = 0;
  for (const auto& version : kVersions) {
    if ((versions & version.bit) != 0) {
      if (oldest == 0) oldest = version.number;
      newest = version.number;
    } else {
      ::SSL_CTX_set_options(ssl, version.off);
    }
  }
  // TLS 1.0 and 1.1 sign with SHA-1 and MD5, which no higher level takes.
  if (oldest < TLS1_2_VERSION) ::SSL_CTX_set_security_level(ssl, 0);
  return oldest != 0 && ::SSL_CTX_set_min_proto_version(ssl, oldest) == 1 &&
         ::SSL_CTX_set_max_proto_version(ssl, newest) == 1;
}

tubepost_tls_context* new_context(const tubepost_tls_options* options, char* why, size_t why_size) {
  ::ERR_clear_error();
  SSL_CTX* ssl = ::SSL_CTX_new(::TLS_server_method());
  if (ssl == nullptr) {
    say(why, why_size, "OpenSSL");
    return nullptr;
  }
  ::SSL_CTX_set_options(
      ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (options->prefer_server_ciphers != 0) {
    ::SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
  }
  ::SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_dh_auto(ssl, 1);  // DHE suites of TLS 1.2
  // A process per connection keeps no sessions: they live in tickets.
  ::SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_max_early_data(ssl, 0);  // it could be replayed (RFC 8446 section 8)
  ::SSL_CTX_set_recv_max_early_data(ssl, 0);
  ::SSL_CTX_set_timeout(ssl, static_cast<long>(options->ticket_lifetime_s));
  const char* wrong = nullptr;
  if (!set_versions(ssl, options->versions)) wrong = "versions of TLS";
  if (wrong == nullptr && options->ciphers[0] != '\0' &&
      ::SSL_CTX_set_cipher_list(ssl, options->ciphers) != 1) {
    wrong = "list of ciphers";
  }
  const auto service_size = static_cast<unsigned>(std::strlen(options->service));
  if (wrong == nullptr &&
      ::SSL_CTX_set_session_id_context(
          ssl, reinterpret_cast<const unsigned char*>(options->service), service_size) != 1) {
    wrong = "name of the service";
  }
  if (wrong != nullptr) {
    say(why, why_size, wrong);
    ::SSL_CTX_free(ssl);
    return nullptr;
  }
  auto* context = new tubepost_tls_context;
  context->ssl = ssl;
  context->label = std::string("tubepost session ticket ") + options->service + ' ' +
                   std::to_string(options->versions) + ' ' + options->ciphers;
  SSL_CTX_set_app_data(ssl, context);
  ::SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
  ::SSL_CTX_set_cert_cb(ssl, on_certificate_needed, nullptr);
  SSL_CTX_set_tlsext_servername_callback(ssl, on_name);
  set_ticket_secrets(context, nullptr, 0);
  return context;
}

void free_context(tubepost_tls_context* context) {
  ::SSL_CTX_free(context->ssl);
  ::OPENSSL_cleanse(context->tickets, sizeof context->tickets);
  delete context;
}

tubepost_tls_session* new_session(tubepost_tls_context* context, int fd,
                                  const tubepost_tls_names* names, void* owner) {
  SSL* ssl = ::SSL_new(context->ssl);
  if (ssl == nullptr) return nullptr;
  if (::SSL_set_fd(ssl, fd) != 1) {
    ::SSL_free(ssl);
    return nullptr;
  }
  auto* session = new tubepost_tls_session;
  session->ssl = ssl;
  session->names = names;
  session->owner = owner;
  SSL_set_app_data(ssl, session);
  return session;
}

tubepost_tls_result classify(SSL* ssl, int result) {
  switch (::SSL_get_error(ssl, result)) {
    case SSL_ERROR_NONE:
      return TUBEPOST_TLS_DONE;
    case SSL_ERROR_WANT_READ:
      return TUBEPOST_TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
      return TUBEPOST_TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
    case SSL_ERROR_SYSCALL:  // the connection is gone
      return TUBEPOST_TLS_CLOSED;
    default:
      return TUBEPOST_TLS_FAILED;
  }
}

tubepost_tls_result accept(tubepost_tls_session* session, char* why, size_t why_size) {
  ::ERR_clear_error();
  const auto result = classify(session->ssl, ::SSL_accept(session->ssl));
  if (result == TUBEPOST_TLS_FAILED) say(why, why_size, "TLS handshake");
  if (result == TUBEPOST_TLS_DONE) session->names = nullptr;  // its owner may go now
  return result;
}

tubepost_tls_result read(tubepost_tls_session* session, char* into, size_t size, size_t* got) {
  ::ERR_clear_error();
  return classify(session->ssl, ::SSL_read_ex(session->ssl, into, size, got));
}

tubepost_tls_result write(tubepost_tls_session* session, const char* from, size_t size,
                          size_t* put) {
  ::ERR_clear_error();
  return classify(session->ssl, ::SSL_write_ex(session->ssl, from, size, put));
}

int pending(const tubepost_tls_session* session) { return ::SSL_has_pending(session->ssl); }

void close_notify(tubepost_tls_session* session) {
  ::ERR_clear_error();
  static_cast<void>(::SSL_shutdown(session->ssl));
  ::ERR_clear_error();
}

void describe(const tubepost_tls_session* session, char* text, size_t size) {
  int algorithm_bits = 0;
  const auto* cipher = ::SSL_get_current_cipher(session->ssl);
  const int bits = ::SSL_CIPHER_get_bits(cipher, &algorithm_bits);
  std::snprintf(text, size, "%s with cipher %s (%d/%d bits)", ::SSL_get_version(session->ssl),
                ::SSL_CIPHER_get_name(cipher), bits, algorithm_bits);
}

int was_resumed(const tubepost_tls_session* session) { return ::SSL_session_reused(session->ssl); }

void free_session(tubepost_tls_session* session) {
  ::SSL_free(session->ssl);
  delete session;
}

const tubepost_tls kModule = {TUBEPOST_TLS_INTERFACE,
                              new_context,
                              free_context,
                              add_certificate,
                              set_ticket_secrets,
                              new_session,
                              use_certificate,
                              accept,
                              read,
                              write,
                              pending,
                              close_notify,
                              describe,
                              was_resumed,
                              free_session,
                              mail::tls::make_certificate};

}  // namespace

__attribute__((visibility("default"))) const tubepost_tls* tubepost_tls_module(void) {
  return &kModule;
}
