// An OpenSSL client on its own thread, the other end of a socket pair, and certificates made by
// openssl(1) in a directory of the test.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "libmail/base/file_descriptor.h"

namespace mail::tls::testing {

struct Certificate {
  std::string certificate;  // paths
  std::string key;
};

inline bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

// Self-signed, named NAME.test, in DIRECTORY; a P-256 key, or what `key` says to openssl-req(1).
inline Certificate make_certificate(
    const std::string& directory, const std::string& name,
    const std::string& key = "ec -pkeyopt ec_paramgen_curve:prime256v1") {
  Certificate made{directory + "/" + name + ".pem", directory + "/" + name + ".key"};
  if (!run("openssl req -x509 -newkey " + key + " -nodes -days 2 -subj /CN=" + name +
           ".test -keyout " + made.key + " -out " + made.certificate)) {
    std::abort();
  }
  return made;
}

struct SslDeleter {
  void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const { ::SSL_SESSION_free(session); }
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
using Ssl = std::unique_ptr<SSL, SslDeleter>;
using SslContext = std::unique_ptr<SSL_CTX, SslDeleter>;
using SslSession = std::unique_ptr<SSL_SESSION, SslDeleter>;

// "one.test", the common name of the certificate that the server has shown.
inline std::string peer_name(SSL* ssl) {
  X509* certificate = ::SSL_get1_peer_certificate(ssl);
  if (certificate == nullptr) return {};
  char name[256] = "";
  ::X509_NAME_get_text_by_NID(::X509_get_subject_name(certificate), NID_commonName, name,
                              sizeof name);
  ::X509_free(certificate);
  return name;
}

class Client {
 public:
  // `highest`: TLS1_3_VERSION... `talk` runs on the thread with a session on a blocking socket that
  // has not shaken hands.
  explicit Client(std::function<void(SSL*, int fd)> talk, int highest = TLS1_3_VERSION) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
    server_ = FileDescriptor(pair[0]);
    thread_ = std::thread([fd = pair[1], highest, talk = std::move(talk)] {
      const FileDescriptor socket(fd);
      // A test that goes wrong ends instead of hanging.
      const ::timeval limit{20, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      const SslContext context(::SSL_CTX_new(::TLS_client_method()));
      ::SSL_CTX_set_security_level(context.get(), 0);
      ::SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
      ::SSL_CTX_set_max_proto_version(context.get(), highest);
      const Ssl ssl(::SSL_new(context.get()));
      ::SSL_set_fd(ssl.get(), fd);
      talk(ssl.get(), fd);
    });
  }
  ~Client() { join(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] int server() const { return server_.get(); }
  void close_server() { server_.reset(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  FileDescriptor server_;
  std::thread thread_;
};

inline bool send(SSL* ssl, const std::string& octets) {
  for (std::size_t at = 0; at < octets.size();) {
    std::size_t put = 0;
    if (::SSL_write_ex(ssl, octets.data() + at, octets.size() - at, &put) != 1) return false;
    at += put;
  }
  return true;
}

inline std::string receive(SSL* ssl, std::size_t size) {
  std::string octets(size, '\0');
  for (std::size_t at = 0; at < size;) {
    std::size_t got = 0;
    if (::SSL_read_ex(ssl, octets.data() + at, size - at, &got) != 1) return octets.substr(0, at);
    at += got;
  }
  return octets;
}

}  // namespace mail::tls::testing
