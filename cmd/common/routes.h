// Routes: what smtp-recv, deliver and smtp-send share to decide where an address leads, put
// together from the configuration: accounts, alias maps, RecipientPolicy. Opened anew by each
// process, so that an edit holds from the next connection.
#pragma once

#include <memory>
#include <optional>

#include "libmail/alias/expansion.h"
#include "libmail/auth/authenticator.h"
#include "libmail/auth/login_name.h"
#include "libmail/config/config.h"
#include "libmail/policy/recipient_policy.h"
#include "libmail/queue/settings.h"

namespace mail::cmd {

// Domains after '@' that are ours in a login name (finding 7).
// The accounts that passwd_file or userdb sections name, else the system's.
std::unique_ptr<auth::Accounts> open_accounts(const config::Configuration& config);

policy::Settings policy_settings(const config::Configuration& config);
queue::Settings queue_settings(const config::Configuration& config);

class Routes {
 public:
  static Result<std::unique_ptr<Routes>> open(const config::Configuration& config,
                                              const policy::Settings& settings);
  policy::RecipientPolicy& policy() { return *policy_; }
  alias::Expander& expander() { return *expander_; }
  auth::Accounts& accounts() { return *accounts_; }

 private:
  Routes() = default;
  std::unique_ptr<auth::Accounts> accounts_;
  bool has_virtual_accounts_ = false;
  std::optional<alias::Expander> expander_;
  std::optional<policy::RecipientPolicy> policy_;
};

// --explain: one step a line, "rule: text (origin)".
std::string format_trace(const Trace& trace);

}  // namespace mail::cmd
