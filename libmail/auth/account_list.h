// AccountList: several sources of passwords and accounts as one (account_settings.h).
//
// A password is right if one passdb says so; then the first userdb that has the account says whose
// it is. An account without uid and gid is nobody's: it may neither log in nor get mail.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "libmail/auth/account_settings.h"
#include "libmail/auth/authenticator.h"
#include "libmail/auth/password_file.h"

namespace mail::auth {

class AccountList final : public Authenticator, public Accounts {
 public:
  using MakePam = std::function<std::unique_ptr<Authenticator>(const Passdb& passdb)>;
  // `make_pam`: for those who check passwords; without it PAM's accounts can only be found.
  explicit AccountList(AccountSettings settings, const MakePam& make_pam = {});

  Result<Identity> verify(const Attempt& attempt) override;
  Result<Identity> find(std::string_view name) override;
  Result<std::string> begin_scram(const ScramFirst& first) override;
  Result<ScramOutcome> finish_scram(const ScramFinal& final) override;

  // Only with one password file, in which every account can.
  [[nodiscard]] bool can_scram() const;

 private:
  struct Source {
    Passdb settings;
    std::unique_ptr<PasswordFile> file;  // or
    std::unique_ptr<Authenticator> pam;
  };
  Result<bool> is_denied(std::string_view login_name);
  // With what the userdbs and the defaults say; Denied where that makes no account.
  Result<Identity> complete(Identity identity);
  Result<Identity> ask(const Userdb& userdb, const Identity& identity);
  Result<bool> has_password(const std::string& name);
  [[nodiscard]] PasswordFile* scram_file() const;  // or none

  AccountSettings settings_;
  std::vector<Source> sources_;
};

}  // namespace mail::auth
