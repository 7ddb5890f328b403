// ServerContext: certificate and key of a server, held by OpenSSL in the module tubepost-tls.so.
// Read while there are rights to read the key; used after they are gone. TLS 1.2 at least
// (RFC 8996); renegotiation and compression off.
#pragma once

#include <memory>
#include <string>

#include "libmail/base/result.h"
#include "libmail/net/descriptor_transport.h"
#include "libmail/tls/module_interface.h"

namespace mail::tls {

class ServerContext {
 public:
  // PEM files: the certificate with its chain, the private key without a passphrase. Opens the
  // module. Errors: Config (which file, what is wrong), NotFound, Denied, Unavailable (no module).
  static Result<std::shared_ptr<ServerContext>> load(const std::string& certificate_file,
                                                     const std::string& key_file);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;
  ~ServerContext();

  // Shakes hands on `fd` until the deadline. Timeout, Closed, or Denied when it fails (log_text
  // says why).
  Result<std::unique_ptr<net::TlsChannel>> accept(int fd, MonotonicTime deadline);
  // accept() for a DescriptorTransport; keeps the context.
  static net::TlsStarter starter(std::shared_ptr<ServerContext> context);

 private:
  ServerContext(const tubepost_tls* module, tubepost_tls_context* context)
      : module_(module), context_(context) {}
  const tubepost_tls* module_;
  tubepost_tls_context* context_;
};

}  // namespace mail::tls
