#include "libmail/auth/password_file.h"

#include <optional>

#include "libmail/auth/crypt_password.h"
#include "libmail/auth/sasl.h"
#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"

namespace mail::auth {
namespace {

constexpr std::size_t kMaxFileOctets = 16U << 20U;
constexpr std::size_t kFieldsBeforeExtra = 7;

Error unavailable(const Error& cause) {
  return make_error(Errc::Unavailable, EnhancedStatus{4, 3, 0},
                    "Authentication is not available now", cause.log_text);
}

void take_extra(PasswordEntry& entry, std::string_view extra) {
  constexpr std::string_view kMail = "userdb_mail=";
  for (const auto word : ascii::words(extra)) {
    if (word.starts_with(kMail)) entry.identity.mail_location = word.substr(kMail.size());
    if (word == "nologin" || word.starts_with("nologin=")) entry.may_log_in = false;
  }
}

// Calls use(entry) for each readable line until it returns false.
template <class Use>
Result<void> for_each_entry(const std::string& path, const Use& use) {
  std::string text = TRY(sys::read_file(path, kMaxFileOctets));
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    ++number;
    auto entry = parse_password_line(line);
    if (!entry) {
      if (entry.error().code == Errc::NotFound) continue;
      log::warning(path + ":" + std::to_string(number) + ": " + entry.error().log_text);
      continue;
    }
    const bool goes_on = use(*entry);
    wipe(entry->stored_password);
    if (!goes_on) break;
  }
  wipe(text);
  return {};
}

// The entry of the best candidate (the earliest in the list), and the first entry of all.
struct Found {
  std::optional<PasswordEntry> entry;
  std::string first_stored;
};

Result<Found> look_up(const std::string& path, const std::vector<std::string>& candidates) {
  Found found;
  std::size_t best = candidates.size();
  TRY(for_each_entry(path, [&](const PasswordEntry& entry) {
    if (found.first_stored.empty()) found.first_stored = entry.stored_password;
    for (std::size_t at = 0; at < best; ++at) {
      if (candidates.at(at) != entry.identity.user) continue;
      found.entry = entry;
      best = at;
    }
    return best != 0;
  }));
  return found;
}

}  // namespace

Result<PasswordEntry> parse_password_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (ascii::trim(line).empty() || line.starts_with('#')) return fail(Errc::NotFound, "no entry");
  const auto fields = ascii::split(line, ':');
  if (fields.size() < 4) return fail(Errc::Syntax, "fewer than four fields");
  PasswordEntry entry;
  entry.identity.user = fields.at(0);
  entry.stored_password = fields.at(1);
  const auto uid = ascii::to_number<uid_t>(fields.at(2));
  const auto gid = ascii::to_number<gid_t>(fields.at(3));
  if (entry.identity.user.empty()) return fail(Errc::Syntax, "no user name");
  if (!uid || !gid) return fail(Errc::Syntax, "uid and gid must be numbers");
  entry.identity.uid = *uid;
  entry.identity.gid = *gid;
  if (fields.size() > 5) entry.identity.home = fields.at(5);
  if (fields.size() > kFieldsBeforeExtra) {
    // Extra fields hold colons themselves: userdb_mail=mbox:~/mail:INBOX=/var/mail/%u.
    Cursor in(line);
    for (std::size_t field = 0; field < kFieldsBeforeExtra; ++field) {
      in.take_while([](char c) { return c != ':'; });
      in.consume(':');
    }
    take_extra(entry, in.rest());
  }
  return entry;
}

Result<Identity> PasswordFile::verify(const Attempt& attempt) {
  auto found = look_up(path_, names_.candidates(attempt.user));
  if (!found) return fail(unavailable(found.error()));
  const auto bad = [] { return fail(make_error(Errc::BadCredentials, "Authentication failed")); };
  if (!found->entry) {
    static_cast<void>(
        matches_stored_password(attempt.password, unmatchable_like(found->first_stored)));
    wipe(found->first_stored);
    return bad();
  }
  wipe(found->first_stored);
  const auto matches = matches_stored_password(attempt.password, found->entry->stored_password);
  wipe(found->entry->stored_password);
  if (!matches) return fail(unavailable(matches.error()));
  if (!*matches) return bad();
  if (!found->entry->may_log_in) return fail(make_error(Errc::Denied, "Login is not allowed"));
  return std::move(found->entry->identity);
}

Result<Identity> PasswordFile::find(std::string_view name) {
  auto found = look_up(path_, names_.candidates(name));
  if (!found) return fail(unavailable(found.error()));
  wipe(found->first_stored);
  if (!found->entry)
    return fail(make_error(Errc::NotFound, EnhancedStatus{5, 1, 1}, "No such user"));
  wipe(found->entry->stored_password);
  return std::move(found->entry->identity);
}

}  // namespace mail::auth
