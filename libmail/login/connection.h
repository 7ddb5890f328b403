// One connection on descriptors 0 and 1: split into monitor and front, then executed as session.
#pragma once

#include <memory>

#include "libmail/login/server.h"
#include "libmail/tls/server_context.h"

namespace mail::login {

// `tls` is what an accepting parent holds already; null: the front loads it. Returns the exit
// status when nobody has logged in; otherwise this process has become the session.
int serve_connection(const Protocol& protocol, const Options& options, const Settings& settings,
                     const std::shared_ptr<tls::ServerContext>& tls);

// Writes to descriptor 1 before anything else has; errors do not matter, the peer may be gone.
void say(std::string_view octets);

// TLS as the settings have it; null without. Where no certificate is named and our own cannot be
// made (an ordinary user's server), that too is "without".
Result<std::shared_ptr<tls::ServerContext>> load_tls(const Settings& settings);

// This program's own arguments.
std::vector<std::string> own_arguments();

}  // namespace mail::login
