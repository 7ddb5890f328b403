#include "libmail/config/bindings.h"

#include <algorithm>

namespace mail::config {
namespace {

using Method = store::MboxLocks::Method;

// Where other programs are kept off by fcntl as well, a dotlock that cannot be made is done
// without: no session may make one in a spool.
std::vector<Method> to_methods(const std::vector<std::string>& words) {
  const bool has_fcntl = std::any_of(words.begin(), words.end(), [](const std::string& word) {
    return word == "fcntl" || word == "lockf";
  });
  std::vector<Method> methods;
  for (const auto& word : words) {
    if (word == "fcntl" || word == "lockf") methods.push_back(Method::Fcntl);  // Linux: the same
    if (word == "flock") methods.push_back(Method::Flock);
    if (word == "dotlock") methods.push_back(has_fcntl ? Method::DotlockTry : Method::Dotlock);
    if (word == "dotlock_try") methods.push_back(Method::DotlockTry);
  }
  return methods;
}

// What is not set is fcntl alone, and the store's own time-out.
store::MboxLocks mbox_locks(const Reader& dovecot) {
  store::MboxLocks locks;
  if (dovecot.is_set("mbox_read_locks")) {
    locks.read = to_methods(dovecot.get_list("mbox_read_locks"));
  }
  if (dovecot.is_set("mbox_write_locks")) {
    locks.write = to_methods(dovecot.get_list("mbox_write_locks"));
  }
  if (dovecot.is_set("mbox_lock_timeout")) {
    locks.timeout = dovecot.get_duration("mbox_lock_timeout");
  }
  locks.dotlock_change_timeout = std::chrono::duration_cast<std::chrono::seconds>(
      dovecot.get_duration("mbox_dotlock_change_timeout"));
  return locks;
}

}  // namespace

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
  settings.sync_changes = dovecot.get_string("mail_fsync") != "never";
  settings.state_directory = postfix.get_string("tubepost_state_directory");
  settings.mbox_locks = mbox_locks(dovecot);
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
