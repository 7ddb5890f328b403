// OpenSSL behind the C interface of tubepost-tls.so.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pemerr.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <climits>
#include <cstdio>

#include "libmail/tls/module_interface.h"

struct tubepost_tls_context {
  SSL_CTX* ssl;
};
struct tubepost_tls_session {
  SSL* ssl;
};

namespace {

int clamp(size_t size) { return size > INT_MAX ? INT_MAX : static_cast<int>(size); }

void say(char* why, size_t size, const char* what) {
  const unsigned long code = ::ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  std::snprintf(why, size, "%s%s%s", what, reason == nullptr ? "" : ": ",
                reason == nullptr ? "" : reason);
  ::ERR_clear_error();
}

// The server's certificate and behind it its chain.
bool use_certificates(SSL_CTX* ssl, const char* pem, size_t size) {
  BIO* in = ::BIO_new_mem_buf(pem, clamp(size));
  X509* leaf = ::PEM_read_bio_X509_AUX(in, nullptr, nullptr, nullptr);
  bool ok = leaf != nullptr && ::SSL_CTX_use_certificate(ssl, leaf) == 1;
  ::X509_free(leaf);
  while (ok) {
    X509* next = ::PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
    if (next == nullptr) {
      // The file's end; anything else is a damaged certificate, which would leave the chain short.
      ok = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      if (ok) ::ERR_clear_error();
      break;
    }
    ok = ::SSL_CTX_add0_chain_cert(ssl, next) == 1;
    if (!ok) ::X509_free(next);
  }
  ::BIO_free(in);
  return ok;
}

int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

bool use_key(SSL_CTX* ssl, const char* pem, size_t size) {
  BIO* in = ::BIO_new_mem_buf(pem, clamp(size));
  EVP_PKEY* key = ::PEM_read_bio_PrivateKey(in, nullptr, no_passphrase, nullptr);
  const bool ok = key != nullptr && ::SSL_CTX_use_PrivateKey(ssl, key) == 1;
  ::EVP_PKEY_free(key);
  ::BIO_free(in);
  return ok;
}

tubepost_tls_context* new_server(const char* certificate_pem, size_t certificate_size,
                                 const char* key_pem, size_t key_size, char* why, size_t why_size) {
  ::ERR_clear_error();
  SSL_CTX* ssl = ::SSL_CTX_new(::TLS_server_method());
  if (ssl == nullptr) {
    say(why, why_size, "OpenSSL");
    return nullptr;
  }
  ::SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);  // RFC 8996
  ::SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_dh_auto(ssl, 1);  // DHE suites of TLS 1.2
  // A process per connection keeps no sessions; tickets need no memory and no shared key here.
  ::SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(ssl, 0);
  ::SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
  const char* wrong = nullptr;
  if (!use_certificates(ssl, certificate_pem, certificate_size)) wrong = "certificate";
  if (wrong == nullptr && !use_key(ssl, key_pem, key_size)) wrong = "private key";
  if (wrong == nullptr && ::SSL_CTX_check_private_key(ssl) != 1) {
    wrong = "certificate and key do not belong together";
  }
  if (wrong != nullptr) {
    say(why, why_size, wrong);
    ::SSL_CTX_free(ssl);
    return nullptr;
  }
  return new tubepost_tls_context{ssl};
}

void free_context(tubepost_tls_context* context) {
  ::SSL_CTX_free(context->ssl);
  delete context;
}

tubepost_tls_session* new_session(tubepost_tls_context* context, int fd) {
  SSL* ssl = ::SSL_new(context->ssl);
  if (ssl == nullptr) return nullptr;
  if (::SSL_set_fd(ssl, fd) != 1) {
    ::SSL_free(ssl);
    return nullptr;
  }
  return new tubepost_tls_session{ssl};
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

void free_session(tubepost_tls_session* session) {
  ::SSL_free(session->ssl);
  delete session;
}

const tubepost_tls kModule = {
    TUBEPOST_TLS_INTERFACE, new_server, free_context, new_session, accept, read, write, pending,
    close_notify,           describe,   free_session};

}  // namespace

__attribute__((visibility("default"))) const tubepost_tls* tubepost_tls_module(void) {
  return &kModule;
}
