// Where accounts and their passwords are: Dovecot's passdb and userdb sections, as far as they are
// served here (docs/accounts.md), or `passwd_file`, or by default PAM and the system's accounts.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/auth/login_name.h"

namespace mail::auth {

// What may be said of an account; texts may hold %u %n %d, the home's also %h of what it replaces.
struct AccountFields {
  std::string uid, gid;  // numbers or names
  std::string home;
  std::string mail;  // a mail_location
};

struct Passdb {
  // Unusable: one that we cannot ask but that may refuse logins (`deny`): so nobody gets in.
  enum class Driver : std::uint8_t { Pam, PasswordFile, Unusable };
  Driver driver = Driver::Pam;
  std::string service = "tubepost";  // PAM's; "%s": the protocol
  std::string path;                  // of the file; may hold %d and such
  std::string username_format;       // the name that is looked for in the file; empty: as it is
  std::string scheme;                // of passwords without one; empty: CRYPT
  bool deny = false;                 // who stands in the file may not log in
};

struct Userdb {
  // Unusable: for sections of which none can be used, so that nothing takes their place.
  enum class Driver : std::uint8_t { System, PasswordFile, Static, Prefetch, Unusable };
  Driver driver = Driver::System;
  std::string path, username_format;
  AccountFields fields;          // Static
  bool allow_all_users = false;  // Static: without asking the passdbs whether there is such a user
  AccountFields defaults, overrides;
};

struct AccountSettings {
  LoginNames names;
  std::vector<Passdb> passdbs;  // asked in turn
  std::vector<Userdb> userdbs;  // none: what the password file says
  AccountFields defaults;       // mail_uid, mail_gid, mail_home
  std::string secret_file;      // for SCRAM's salts of those who are not there (password_file.h)
  // Whether there may be accounts that the system does not know.
  [[nodiscard]] bool has_virtual_accounts() const {
    return std::ranges::any_of(
               passdbs,
               [](const Passdb& one) { return one.driver == Passdb::Driver::PasswordFile; }) ||
           std::ranges::any_of(
               userdbs, [](const Userdb& one) { return one.driver != Userdb::Driver::System; });
  }
  // Whether an address is in a list of networks (allow_nets); none: it is not.
  std::function<bool(std::string_view networks, std::string_view address)> is_in_networks;
};

}  // namespace mail::auth
