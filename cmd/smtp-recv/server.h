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

// The certificate of smtpd_tls_cert_file; null where none is named or none can be used (logged). To
// be called with the rights to read its key.
std::shared_ptr<tls::ServerContext> load_tls(const config::Configuration& config);

// Serves the connection on these descriptors; the exit status. `tls` may be null: no STARTTLS then.
// A broken configuration is answered 421 (DESIGN.md section 2).
int serve_connection(const ServerOptions& options, const config::Loaded& config,
                     const std::shared_ptr<tls::ServerContext>& tls, int read_fd, int write_fd);

// --explain ADDRESS: how RCPT would be decided, from the decision's own trace.
Result<int> explain(const ServerOptions& options, const config::Configuration& config,
                    const std::string& address);

}  // namespace mail::cmd
