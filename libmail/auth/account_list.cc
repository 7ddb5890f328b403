#include "libmail/auth/account_list.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "libmail/auth/system_accounts.h"
#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/variables.h"

namespace mail::auth {
namespace {

constexpr const char* kFailed = "Authentication failed";
constexpr const char* kNotAllowed = "Login is not allowed";
constexpr std::size_t kGroupBuffer = 65536;  // octets of one group entry

tl::unexpected<Error> wrong(std::string log_text) {
  return fail(Errc::Unavailable, "Authentication is not available now", std::move(log_text));
}

tl::unexpected<Error> no_such_user() {
  return fail(make_error(Errc::NotFound, EnhancedStatus{5, 1, 1}, "No such user"));
}

Result<uid_t> to_uid(const std::string& text) {
  if (const auto number = ascii::to_number<uid_t>(text)) return *number;
  const auto account = find_system_account(text);
  if (!account) return wrong("uid " + log::escape(text) + ": no such user");
  return account->uid;
}

Result<gid_t> to_gid(const std::string& text) {
  if (const auto number = ascii::to_number<gid_t>(text)) return *number;
  std::vector<char> buffer(kGroupBuffer);
  ::group entry{};
  ::group* found = nullptr;
  static_cast<void>(::getgrnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found));
  if (found == nullptr) return wrong("gid " + log::escape(text) + ": no such group");
  return found->gr_gid;
}

Result<std::string> expand(const std::string& text, const Identity& identity) {
  auto expanded = variables::expand_path(text, [&](std::string_view name) {
    if (name == "h" || name == "home") return std::optional(identity.home);
    return variables::part_of_name(identity.user, name);
  });
  if (!expanded) return wrong(expanded.error().public_text);
  return expanded;
}

// Sets what `fields` say; with `only_missing` nothing that is there already.
Result<void> apply(const AccountFields& fields, Identity& identity, bool only_missing) {
  const bool sets_ids = !only_missing || !identity.has_ids;
  if (sets_ids && !fields.uid.empty()) {
    identity.uid = TRY(to_uid(fields.uid));
    identity.has_ids = !fields.gid.empty() || identity.has_ids;
  }
  if (sets_ids && !fields.gid.empty()) identity.gid = TRY(to_gid(fields.gid));
  if (!fields.home.empty() && !(only_missing && !identity.home.empty())) {
    identity.home = TRY(expand(fields.home, identity));
  }
  if (!fields.mail.empty() && !(only_missing && !identity.mail_location.empty())) {
    identity.mail_location = fields.mail;
  }
  return {};
}

PasswordFile::Format format_of(const std::string& username_format, const std::string& scheme,
                               const AccountSettings& settings) {
  return {username_format, scheme, settings.is_in_networks};
}

}  // namespace

AccountList::AccountList(AccountSettings settings, const MakePam& make_pam)
    : settings_(std::move(settings)) {
  for (const auto& passdb : settings_.passdbs) {
    Source source{passdb, nullptr, nullptr};
    if (passdb.driver == Passdb::Driver::PasswordFile) {
      source.file = std::make_unique<PasswordFile>(
          passdb.path, settings_.names, settings_.secret_file,
          format_of(passdb.username_format, passdb.scheme, settings_));
    } else if (passdb.driver == Passdb::Driver::Pam && make_pam) {
      source.pam = make_pam(passdb);
    }
    sources_.push_back(std::move(source));
  }
}

Result<bool> AccountList::is_denied(std::string_view login_name) {
  for (const auto& source : sources_) {
    if (!source.settings.deny) continue;
    if (!source.file) return wrong("a passdb that may refuse logins cannot be asked");
    const auto found = source.file->find(login_name);
    if (found) return true;
    // A list that cannot be read lets nobody in.
    if (found.error().code != Errc::NotFound) return fail(found.error());
  }
  return false;
}

Result<Identity> AccountList::verify(const Attempt& attempt) {
  if (TRY(is_denied(attempt.user))) return fail(make_error(Errc::BadCredentials, kFailed));
  std::optional<Error> failure;
  for (const auto& source : sources_) {
    if (source.settings.deny) continue;
    Authenticator* authenticator = source.pam.get();
    if (source.file) authenticator = source.file.get();
    if (authenticator == nullptr) continue;
    auto identity = authenticator->verify(attempt);
    if (identity) {
      // By the account's own name too: PAM may know it by others.
      const bool is_renamed = identity->user != attempt.user;
      if (is_renamed && TRY(is_denied(identity->user))) {
        return fail(make_error(Errc::BadCredentials, kFailed));
      }
      return complete(*std::move(identity));
    }
    if (identity.error().code == Errc::Denied) return identity;
    const bool is_refusal = identity.error().code == Errc::BadCredentials;
    if (!is_refusal) log::warning(identity.error().log_text);
    // A refusal counts, whatever else is out of order: "later" is not charged to who guesses.
    if (!failure || is_refusal) failure = std::move(identity.error());
  }
  if (failure) return fail(*std::move(failure));
  return wrong("no passdb can check a password");
}

Result<Identity> AccountList::ask(const Userdb& userdb, const Identity& identity) {
  Identity found = identity;
  switch (userdb.driver) {
    case Userdb::Driver::System: {
      auto account = TRY(find_system_account(identity.user));
      found.uid = account.uid;
      found.gid = account.gid;
      found.home = std::move(account.home);
      found.has_ids = true;
      break;
    }
    case Userdb::Driver::PasswordFile: {
      PasswordFile file(userdb.path, LoginNames{{}, "%u"}, {},
                        format_of(userdb.username_format, {}, settings_));
      auto account = TRY(file.find(identity.user));
      account.user = identity.user;
      if (account.mail_location.empty()) account.mail_location = identity.mail_location;
      found = std::move(account);
      break;
    }
    case Userdb::Driver::Static:
      TRY(apply(userdb.fields, found, false));
      break;
    case Userdb::Driver::Prefetch:
      if (!identity.has_ids) return no_such_user();
      break;
    case Userdb::Driver::Unusable:
      return wrong("none of the userdb sections can be used");
  }
  TRY(apply(userdb.defaults, found, true));
  TRY(apply(userdb.overrides, found, false));
  return found;
}

Result<Identity> AccountList::complete(Identity identity) {
  if (!is_path_safe(identity.user)) {
    return fail(Errc::Denied, kNotAllowed,
                log::escape(identity.user) + ": no name of an account, it could lead elsewhere");
  }
  bool is_known = settings_.userdbs.empty();
  for (const auto& userdb : settings_.userdbs) {
    auto found = ask(userdb, identity);
    if (!found && found.error().code == Errc::NotFound) continue;
    if (!found) return found;
    identity = *std::move(found);
    is_known = true;
    break;
  }
  if (!is_known) {
    return fail(Errc::Denied, kNotAllowed, log::escape(identity.user) + ": no userdb has it");
  }
  TRY(apply(settings_.defaults, identity, true));
  if (!identity.has_ids) {
    return fail(Errc::Denied, kNotAllowed,
                log::escape(identity.user) +
                    ": no uid and gid; mail_uid and mail_gid or a userdb "
                    "may give them");
  }
  return identity;
}

// Whether a passdb that can be asked without a password has the account.
Result<bool> AccountList::has_password(const std::string& name) {
  for (const auto& source : sources_) {
    if (source.settings.deny) continue;
    // This very name: other spellings have their turn.
    const auto& passdb = source.settings;
    const auto found =
        source.file ? PasswordFile(passdb.path, LoginNames{{}, "%u"}, {},
                                   format_of(passdb.username_format, passdb.scheme, settings_))
                          .find(name)
                    : find_system_account(name);
    if (found) return true;
    if (found.error().code != Errc::NotFound) return fail(found.error());
  }
  return false;
}

Result<Identity> AccountList::find(std::string_view name) {
  for (const auto& candidate : settings_.names.candidates(name)) {
    if (!is_path_safe(candidate)) continue;
    Identity asked;
    asked.user = candidate;
    asked.has_ids = false;
    if (settings_.userdbs.empty()) {
      for (const auto& source : sources_) {
        if (source.settings.deny || !source.file) continue;
        auto found = source.file->find(candidate);
        if (found) return complete(*std::move(found));
        if (found.error().code != Errc::NotFound) return found;
      }
      continue;
    }
    for (const auto& userdb : settings_.userdbs) {
      if (userdb.driver == Userdb::Driver::Static && !userdb.allow_all_users &&
          !TRY(has_password(candidate))) {
        continue;
      }
      auto found = ask(userdb, asked);
      if (found) {
        TRY(apply(settings_.defaults, *found, true));
        if (found->has_ids) return found;
        return wrong(log::escape(candidate) + ": no uid and gid");
      }
      if (found.error().code != Errc::NotFound) return found;
    }
  }
  return no_such_user();
}

// The only source, where it is a file of those who may log in.
PasswordFile* AccountList::scram_file() const {
  if (sources_.size() != 1 || sources_.front().settings.deny) return nullptr;
  return sources_.front().file.get();
}

bool AccountList::can_scram() const {
  const auto* file = scram_file();
  return file != nullptr && file->can_scram();
}

Result<std::string> AccountList::begin_scram(const ScramFirst& first) {
  auto* file = scram_file();
  return file == nullptr ? Authenticator::begin_scram(first) : file->begin_scram(first);
}

Result<ScramOutcome> AccountList::finish_scram(const ScramFinal& final) {
  auto* file = scram_file();
  if (file == nullptr) return Authenticator::finish_scram(final);
  auto outcome = TRY(file->finish_scram(final));
  outcome.identity = TRY(complete(std::move(outcome.identity)));
  return outcome;
}

}  // namespace mail::auth
