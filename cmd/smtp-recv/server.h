// Smtp-recv's edge: from a connection to a session's end. The role that meets the stranger is
// `mail-in` (DESIGN.md section 3): it runs as tubepost and holds no right; where AUTH is offered a
// monitor forked before it answers for passwords.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/config/config.h"
#include "libmail/net/descriptor_transport.h"
#include "libmail/tls/server_context.h"

namespace mail::cmd {

struct ServerOptions {
  std::vector<std::string> config_paths;
  bool submission = false;     // ports 587 and 465: AUTH offered, and wanted from strangers
  bool implicit_tls = false;   // port 465
  std::string pretend_client;  // --client: for tests on a pipe
};

// Whether TLS begins with the connection: --implicit-tls, or Postfix's smtpd_tls_wrappermode.
bool is_implicit_tls(const ServerOptions& options, const config::Configuration& config);

// This port's TLS, by smtpd_tls_*.
tls::Settings tls_settings_of(const ServerOptions& options, const config::Configuration& config);

// To be called with the rights to read the keys. Null: no TLS is wanted, or no certificate is named
// and our own cannot be made (an ordinary user's server).
Result<std::shared_ptr<tls::ServerContext>> load_tls(const tls::Settings& settings);
std::shared_ptr<tls::ServerContext> load_tls_or_log(const tls::Settings& settings);

// Serves the connection on these descriptors; the exit status. `tls` may be null: no STARTTLS then.
// A broken configuration is answered 421 (DESIGN.md section 2).
int serve_connection(const ServerOptions& options, const config::Loaded& config,
                     const std::shared_ptr<tls::ServerContext>& tls, int read_fd, int write_fd);

// --explain ADDRESS: how RCPT would be decided, from the decision's own trace.
Result<int> explain(const ServerOptions& options, const config::Configuration& config,
                    const std::string& address);

}  // namespace mail::cmd
