#include <algorithm>

#include "cmd/common/login_program.h"
#include "cmd/common/routes.h"
#include "libmail/auth/password_file.h"
#include "libmail/base/ascii.h"
#include "libmail/config/bindings.h"

namespace mail::cmd {

login::Settings login_settings(const config::Configuration& config, const std::string& protocol) {
  const auto dovecot = config.dovecot(protocol);
  const auto postfix = config.postfix();
  login::Settings settings;
  settings.disable_plaintext_auth = dovecot.get_bool("disable_plaintext_auth");
  const std::string ssl = dovecot.get_string("ssl");
  settings.ssl = ssl == "no"         ? login::Settings::Ssl::No
                 : ssl == "required" ? login::Settings::Ssl::Required
                                     : login::Settings::Ssl::Yes;
  settings.trusted_networks = dovecot.get_string("login_trusted_networks");
  settings.refuse_outside = postfix.get_string("login_networks_outside") != "allow";
  settings.first_valid_uid = static_cast<unsigned>(dovecot.get_integer("first_valid_uid"));
  settings.passwd_file = postfix.get_string("passwd_file");
  const auto mechanisms = dovecot.get_list("auth_mechanisms");
  // Once for all connections: who edits the file is noticed as with any other (settings.files).
  settings.offer_scram =
      std::any_of(mechanisms.begin(), mechanisms.end(),
                  [](const auto& name) { return ascii::iequals(name, "SCRAM-SHA-256"); }) &&
      !settings.passwd_file.empty() && auth::PasswordFile(settings.passwd_file, {}).can_scram();
  settings.secret_file = postfix.get_string("tubepost_state_directory") + "/auth-secret";
  settings.counters_file = postfix.get_string("tubepost_run_directory") + "/auth";
  settings.max_userip_connections =
      static_cast<unsigned>(dovecot.get_integer("mail_max_userip_connections"));
  settings.live_file = postfix.get_string("tubepost_run_directory") + "/live";
  settings.auth_failure_delay = std::chrono::duration_cast<std::chrono::milliseconds>(
      dovecot.get_duration("auth_failure_delay"));
  settings.tls_settings = config::login_tls_settings(config, protocol);
  settings.domains = login_names(config).domains;
  settings.empty_directory = postfix.get_string("tubepost_state_directory") + "/empty";
  if (protocol != "smtp")
    settings.configuration = config.serialize();  // its sessions are no others
  settings.files = config.files();
  if (!settings.passwd_file.empty()) settings.files.push_back(settings.passwd_file);
  for (auto& file : tls::watched_files(settings.tls_settings)) {
    settings.files.push_back(std::move(file));
  }
  return settings;
}

}  // namespace mail::cmd
