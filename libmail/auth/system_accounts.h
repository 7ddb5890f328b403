// SystemAccounts: the accounts of this machine, as NSS tells them (passwd, LDAP, ...). Passwords
// are PAM's affair (auth/pam).
#pragma once

#include "libmail/auth/authenticator.h"
#include "libmail/auth/login_name.h"

namespace mail::auth {

class SystemAccounts final : public Accounts {
 public:
  explicit SystemAccounts(LoginNames names) : names_(std::move(names)) {}
  Result<Identity> find(std::string_view name) override;

 private:
  LoginNames names_;
};

// Has NSS load its modules now. A process that accepts connections calls it once: otherwise each
// child loads them anew (8 ms of 24 for a local delivery, measured with nss-systemd).
void load_account_modules();

// The account with exactly this name.
Result<Identity> find_system_account(const std::string& name);

}  // namespace mail::auth
