// What pop3-serve and imap-serve have in common beside their protocol: options, settings, roles.
#pragma once

#include <string>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/config/config.h"
#include "libmail/login/server.h"

namespace mail::cmd {

struct LoginProgramOptions {
  std::vector<std::string> config_paths;
  bool print_config = false;
  bool check = false;
  login::Options server;
};

// Settings of the roles from the configuration; `protocol` for `protocol NAME { }` sections.
login::Settings login_settings(const config::Configuration& config, const std::string& protocol);

// What the session runs by: the monitor's configuration. From here on the process may do what a
// session needs and reach the user's mail, and nothing else (libmail/confine).
Result<config::Configuration> begin_session(const login::HandOver& record,
                                            const std::string& protocol);

// Which of Dovecot's filters hold for it.
config::Connection connection_of(const login::HandOver& record, const std::string& protocol);

// Runs the server (or --check, --print-config); the exit status.
Result<int> run_login_program(const LoginProgramOptions& options, const login::Protocol& protocol);

}  // namespace mail::cmd
