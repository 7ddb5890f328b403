#include "libmail/config/bindings.h"

namespace mail::config {

store::Settings store_settings(const Configuration& config, const Connection& connection) {
  const auto postfix = config.postfix();
  const auto dovecot = config.dovecot(connection);
  store::Settings settings;
  settings.mail_location = dovecot.get_string("mail_location");
  if (auto own = namespace_bindings(config).location; !own.empty()) {
    settings.mail_location = std::move(own);
  }
  settings.home_mailbox = postfix.get_string("home_mailbox");
  settings.mail_spool_directory = postfix.get_string("mail_spool_directory");
  settings.copy_with_hardlinks = dovecot.get_bool("maildir_copy_with_hardlinks");
  settings.state_directory = postfix.get_string("tubepost_state_directory");
  return settings;
}

alias::Expander::Settings alias_settings(const Configuration& config) {
  const auto postfix = config.postfix();
  alias::Expander::Settings settings;
  settings.local_domain = postfix.get_string("myorigin");
  settings.recipient_delimiter = postfix.get_string("recipient_delimiter");
  settings.expand_owner_alias = postfix.get_bool("expand_owner_alias");
  settings.owner_request_special = postfix.get_bool("owner_request_special");
  return settings;
}

std::string queue_path(const Configuration& config) {
  return config.postfix().get_string("tubepost_spool_directory") + "/queue";
}

}  // namespace mail::config
