// ServerContext: a server's TLS, held by OpenSSL in the module tubepost-tls.so. The default
// certificate is read while there are rights to read its key and used after they are gone; those
// for other names are fetched when a client asks for one. Renegotiation, compression and early data
// are off. An accepting parent loads it once for all its children.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/net/descriptor_transport.h"
#include "libmail/tls/module_interface.h"
#include "libmail/tls/settings.h"

namespace mail::tls {

// Reads number N of Settings::named, for whoever has the rights to.
using NamedReader = std::function<Result<std::vector<Pem>>(std::size_t number)>;

class ServerContext {
 public:
  // Opens the module, reads the default certificate (makes our own where it may). Errors: Config
  // (which file, what is wrong), NotFound, Denied, Unavailable (no module).
  static Result<std::shared_ptr<ServerContext>> load(Settings settings);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;
  ~ServerContext();

  [[nodiscard]] const Settings& settings() const { return settings_; }

  // For each connection, before rights are dropped: the secrets of session tickets. Without them
  // (no file for us, or a bad one, which is logged) every handshake is a full one.
  void read_tickets();

  // Shakes hands on `fd` until the deadline. Timeout, Closed, or Denied when it fails (log_text
  // says why). A named certificate that cannot be had is logged; the default one is shown then.
  Result<std::unique_ptr<net::TlsChannel>> accept(int fd, MonotonicTime deadline,
                                                  const NamedReader& read = {});
  // accept() for a DescriptorTransport; keeps the context.
  static net::TlsStarter starter(std::shared_ptr<ServerContext> context, NamedReader read = {});

 private:
  ServerContext(const tubepost_tls* module, tubepost_tls_context* context, Settings settings)
      : module_(module), context_(context), settings_(std::move(settings)) {}

  void forget_tickets();

  const tubepost_tls* module_;
  tubepost_tls_context* context_;
  Settings settings_;
  std::string ticket_secrets_;  // read, not yet given to the module
};

// For a process without a monitor: opens the files of every named certificate now.
NamedReader open_named(const Settings& settings);

}  // namespace mail::tls
