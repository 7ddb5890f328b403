// PasswordFile: accounts from a file in the format of Dovecot's passwd-file, a line each:
//
//   user:{SCHEME}password:uid:gid:gecos:home:shell:extra fields
//
// `userdb_mail=LOCATION` among the extra fields overrides mail_location; `nologin` refuses logins.
// The file is read at each call, so an edit holds at once. A line that cannot be read is logged
// with its number and passed over; the rest holds.
#pragma once

#include <string>
#include <string_view>

#include "libmail/auth/authenticator.h"
#include "libmail/auth/login_name.h"

namespace mail::auth {

struct PasswordEntry {
  Identity identity;
  std::string stored_password;
  bool may_log_in = true;
};

// One line without its end. NotFound: an empty line or a comment. Syntax else.
Result<PasswordEntry> parse_password_line(std::string_view line);

class PasswordFile final : public Authenticator, public Accounts {
 public:
  PasswordFile(std::string path, LoginNames names)
      : path_(std::move(path)), names_(std::move(names)) {}

  Result<Identity> verify(const Attempt& attempt) override;
  Result<Identity> find(std::string_view name) override;

 private:
  std::string path_;
  LoginNames names_;
};

}  // namespace mail::auth
