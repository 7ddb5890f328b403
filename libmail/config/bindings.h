// From a Configuration to each domain's typed settings: one function per domain, and the only place
// where a parameter's name meets a field. The names were checked when the Configuration was loaded,
// so none of these can fail.
#pragma once

#include "libmail/alias/expansion.h"
#include "libmail/auth/account_settings.h"
#include "libmail/config/config.h"
#include "libmail/store/settings.h"
#include "libmail/tls/settings.h"

namespace mail::config {

// store/settings.h; `clock` stays with the caller. `protocol NAME { }` and the
// other filters hold for it.
store::Settings store_settings(const Configuration& config, const Connection& connection = {});

// alias/expansion.h; `is_local_domain` and `find_account` stay with the caller.
alias::Expander::Settings alias_settings(const Configuration& config);

// tls/settings.h for smtp-recv: Postfix's names, smtpd_tls_*. `is_mandatory`: a port where TLS must
// be used goes by smtpd_tls_mandatory_*. No certificates: smtpd_tls_security_level = none, or
// smtpd_tls_cert_file = none.
tls::Settings smtp_tls_settings(const Configuration& config, bool is_mandatory);
// The same for connections of "pop3" and "imap": Dovecot's names, ssl_*. What Tubepost alone has
// (the names' union, tickets) is the same for all.
tls::Settings login_tls_settings(const Configuration& config, const Connection& connection);

// auth/account_settings.h; `is_in_networks` stays with the caller. The warnings: what of passdb and
// userdb is not used.
struct AccountBindings {
  auth::AccountSettings settings;
  Mistakes warnings;
};
AccountBindings account_bindings(const Configuration& config);

// The namespace that holds INBOX: Dovecot's `namespace { inbox = yes }`, where there is one.
struct NamespaceBindings {
  std::string prefix;
  std::string separator;  // one octet, or empty: the format's own, '.' for Maildir
  bool is_set = false;
  std::string location;  // its mail_location, or empty
  // Names with the prefix, levels parted as the file has it: attributes (RFC 6154), and what is
  // made at login.
  std::vector<std::pair<std::string, std::string>> special_use;
  struct Made {
    std::string name;
    bool subscribed = false;
  };
  std::vector<Made> made;
  Mistakes warnings;
};
NamespaceBindings namespace_bindings(const Configuration& config);

// Where mail waits. Not queue_directory: a stock Postfix main.cf sets that to Postfix's own queue.
std::string queue_path(const Configuration& config);

}  // namespace mail::config
