// start_monitor(): for a program that asks for passwords but stays who it is (smtp-recv's mail-in
// role: AUTH is a request to the monitor, the uid does not change by it; DESIGN.md section 3).
//
//   auto login = TRY(login::start_monitor(settings, "smtp", peer));   // the process splits here
//   TRY(login::become_service("tubepost"));                          // now give up root (roles.h)
//   ... login->verify(...)                                            // auth::Authenticator
//
// It returns in a forked child only. The process that was started stays as monitor, answers until
// the child ends, and ends with the child's exit status. Call it before any output is pending and
// before other processes or threads are made.
#pragma once

#include <memory>

#include "libmail/login/monitor_client.h"
#include "libmail/login/server.h"

namespace mail::login {

Result<std::unique_ptr<MonitorClient>> start_monitor(const Settings& settings,
                                                     const std::string& service,
                                                     const net::Peer& peer);

}  // namespace mail::login
