// PasswordFile: accounts from a file in the format of Dovecot's passwd-file, a line each:
//
//   user:{SCHEME}password:uid:gid:gecos:home:shell:extra fields
//
// Extra fields: `userdb_mail=LOCATION` overrides mail_location, `userdb_uid`, `userdb_gid` and
// `userdb_home` what stands before; `nologin` refuses logins, `allow_nets=NETWORKS` (and
// `allow_real_nets`) those from elsewhere. Uid and gid may be missing where a userdb gives them
// (account_list.h). The file is read at each call, so an edit holds at once. A line that cannot be
// read is logged with its number and passed over; the rest holds. Schemes: crypt_password.h;
// docs/accounts.md.
//
// SCRAM works for {SCRAM-SHA-256} and {PLAIN}. Others, unknown users among them, are asked for a
// proof too, which nothing makes right: their salt is made from the name and a secret of this
// machine, so that it is the same at each asking, and so is the salt of {PLAIN}.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/auth/login_name.h"
#include "libmail/auth/scram_server.h"

namespace mail::auth {

struct PasswordEntry {
  Identity identity;
  std::string stored_password;
  bool may_log_in = true;
  std::vector<std::string> allow_nets;  // where logins may come from, each of them; none: anywhere
};

// One line without its end. NotFound: an empty line or a comment. Syntax else.
Result<PasswordEntry> parse_password_line(std::string_view line);

class PasswordFile final : public Authenticator, public Accounts {
 public:
  // `secret_file` holds 32 octets for salts; made where it is not (docs/accounts.md). Read for
  // SCRAM only.
  PasswordFile(std::string path, LoginNames names, std::string secret_file = {})
      : PasswordFile(std::move(path), std::move(names), std::move(secret_file), Format{}) {}

  // The arguments of Dovecot's driver. The path may hold %d and such, of the login name.
  struct Format {
    std::string username_format;  // what is looked up of an account's name: "%n"; empty: all
    std::string scheme;           // of passwords without one; empty: CRYPT
    std::function<bool(std::string_view networks, std::string_view address)> is_in_networks;
  };
  PasswordFile(std::string path, LoginNames names, std::string secret_file, Format format)
      : path_(std::move(path)),
        names_(std::move(names)),
        secret_file_(std::move(secret_file)),
        format_(std::move(format)) {}

  Result<Identity> verify(const Attempt& attempt) override;
  Result<Identity> find(std::string_view name) override;
  Result<std::string> begin_scram(const ScramFirst& first) override;
  Result<ScramOutcome> finish_scram(const ScramFinal& final) override;

  // Whether SCRAM may be offered: a client that sees it uses it, so every account must be able to.
  [[nodiscard]] bool can_scram() const;

 private:
  struct Asked {
    ScramServer server;
    std::optional<PasswordEntry> entry;  // nothing: no proof is right
    std::string peer;
  };
  // What the file calls the accounts that a login name may mean, and what we do; and the file.
  struct Search {
    std::vector<std::string> accounts, keys;
    std::string path;
  };
  [[nodiscard]] Result<Search> search_for(std::string_view login_name) const;
  void adopt(PasswordEntry& entry, const Search& search) const;
  [[nodiscard]] bool may_log_in(const PasswordEntry& entry, std::string_view address) const;

  std::string path_;
  LoginNames names_;
  std::string secret_file_;
  Format format_;
  std::optional<Asked> asked_;
};

// The secret in `path`; made there, for our uid alone, if it is not. Errors: what the file system
// says; Denied when it is another's or open to others.
Result<std::string> read_or_make_secret(const std::string& path);

}  // namespace mail::auth
