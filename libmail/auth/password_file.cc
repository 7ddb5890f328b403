#include "libmail/auth/password_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "libmail/auth/crypt_password.h"
#include "libmail/auth/sasl.h"
#include "libmail/base/ascii.h"
#include "libmail/base/base64.h"
#include "libmail/base/cursor.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/base/variables.h"

namespace mail::auth {
namespace {

constexpr std::size_t kMaxFileOctets = 16U << 20U;
constexpr std::size_t kFieldsBeforeExtra = 7;
constexpr std::size_t kSecretOctets = 32;
constexpr std::size_t kNonceOctets = 18;  // 24 characters, without padding
constexpr std::string_view kNothing = "nothing";
constexpr const char* kFailed = "Authentication failed";
constexpr const char* kNotAllowed = "Login is not allowed";

Error unavailable(const Error& cause) {
  return make_error(Errc::Unavailable, EnhancedStatus{4, 3, 0},
                    "Authentication is not available now", cause.log_text);
}

// Not the highest one, which means "as before" to setresuid(2).
Result<uid_t> to_id(std::string_view text) {
  const auto id = ascii::to_number<uid_t>(text);
  if (!id || *id == static_cast<uid_t>(-1))
    return fail(Errc::Syntax, "uid and gid must be numbers");
  return *id;
}

Result<void> take_extra(PasswordEntry& entry, std::string_view extra) {
  auto& identity = entry.identity;
  bool has_uid = false;
  bool has_gid = false;
  for (const auto word : ascii::words(extra)) {
    const auto equals = word.find('=');
    const auto key = word.substr(0, equals);
    const auto value =
        equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    if (key == "userdb_mail") identity.mail_location = value;
    if (key == "userdb_home") identity.home = value;
    if (key == "userdb_uid") identity.uid = TRY(to_id(value));
    if (key == "userdb_gid") identity.gid = TRY(to_id(value));
    has_uid = has_uid || key == "userdb_uid";
    has_gid = has_gid || key == "userdb_gid";
    if (key == "nologin") entry.may_log_in = false;
    if (key == "allow_nets" || key == "allow_real_nets") entry.allow_nets.emplace_back(value);
  }
  if (has_uid != has_gid && !identity.has_ids) return fail(Errc::Syntax, "uid or gid is missing");
  identity.has_ids = identity.has_ids || has_uid;
  return {};
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

// The entry of the best candidate (the earliest in the list); of all that were read the dearest
// stored password. Wiped by its owner.
struct Found {
  std::optional<PasswordEntry> entry;
  std::string dearest;
  void wipe_passwords() {
    wipe(dearest);
    if (entry) wipe(entry->stored_password);
  }
};

Result<Found> look_up(const std::string& path, const std::vector<std::string>& candidates) {
  Found found;
  std::size_t best = candidates.size();
  TRY(for_each_entry(path, [&](const PasswordEntry& entry) {
    if (found.dearest.empty() || cost_of(entry.stored_password) > cost_of(found.dearest)) {
      found.dearest = entry.stored_password;
    }
    for (std::size_t at = 0; at < best; ++at) {
      if (candidates.at(at) != entry.identity.user) continue;
      found.entry = entry;
      best = at;
    }
    return best != 0;
  }));
  return found;
}

// What SCRAM asks of the whole file, so that an unknown user is asked as the others are.
struct FoundForScram {
  std::optional<PasswordEntry> entry;
  bool has_plain = false;  // keys are derived for some
  unsigned iterations = kScramIterations;
  std::size_t salt_octets = kScramSalt;
};

Result<FoundForScram> look_up_for_scram(const std::string& path,
                                        const std::vector<std::string>& candidates) {
  FoundForScram found;
  std::size_t best = candidates.size();
  bool has_keys = false;
  const auto read = for_each_entry(path, [&](const PasswordEntry& entry) {
    const auto source = scram_source(entry.stored_password);
    found.has_plain = found.has_plain || !source.password.empty();
    if (!has_keys && !source.keys.empty()) {
      if (const auto keys = parse_scram_keys(source.keys)) {
        has_keys = true;
        found.iterations = keys->iterations;
        found.salt_octets = keys->salt.size();
      }
    }
    for (std::size_t at = 0; at < best; ++at) {
      if (candidates.at(at) != entry.identity.user) continue;
      found.entry = entry;
      best = at;
    }
    return true;
  });
  if (!read) return fail(unavailable(read.error()));
  return found;
}

}  // namespace

Result<PasswordEntry> parse_password_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (ascii::trim(line).empty() || line.starts_with('#')) return fail(Errc::NotFound, "no entry");
  const auto fields = ascii::split(line, ':');
  PasswordEntry entry;
  entry.identity.user = fields.at(0);
  if (entry.identity.user.empty()) return fail(Errc::Syntax, "no user name");
  if (fields.size() > 1) entry.stored_password = fields.at(1);
  const auto part = [&](std::size_t at) { return at < fields.size() ? fields.at(at) : ""; };
  entry.identity.has_ids = !part(2).empty() || !part(3).empty();
  if (entry.identity.has_ids) {
    entry.identity.uid = TRY(to_id(part(2)));
    entry.identity.gid = TRY(to_id(part(3)));
  }
  if (fields.size() > 5) entry.identity.home = fields.at(5);
  if (fields.size() > kFieldsBeforeExtra) {
    // Extra fields hold colons themselves: userdb_mail=mbox:~/mail:INBOX=/var/mail/%u.
    Cursor in(line);
    for (std::size_t field = 0; field < kFieldsBeforeExtra; ++field) {
      in.take_while([](char c) { return c != ':'; });
      in.consume(':');
    }
    TRY(take_extra(entry, in.rest()));
  }
  return entry;
}

Result<PasswordFile::Search> PasswordFile::search_for(std::string_view login_name) const {
  Search search{names_.candidates(login_name), {}, path_};
  const auto lookup = [](const std::string& account) {
    return [&account](std::string_view name) { return variables::part_of_name(account, name); };
  };
  for (const auto& account : search.accounts) {
    search.keys.push_back(format_.username_format.empty()
                              ? account
                              : TRY(variables::expand(format_.username_format, lookup(account))));
  }
  if (path_.find('%') == std::string::npos) return search;
  // One file for each domain, say, in either spelling: the name must not lead to another.
  for (const auto& account : search.accounts) {
    const bool is_same = ascii::iequals(account, search.accounts.front());
    if (!is_same || !is_path_safe(account)) continue;
    const auto path = variables::expand_path(path_, lookup(account));
    if (!path && path.error().code != Errc::Denied) return fail(path.error());
    if (!path || !sys::exists(*path)) continue;
    search.path = *path;
    return search;
  }
  return Search{{}, {}, "/dev/null"};
}

// The entry as that account's: its own name, the scheme of the file.
void PasswordFile::adopt(PasswordEntry& entry, const Search& search) const {
  const auto at = std::ranges::find(search.keys, entry.identity.user) - search.keys.begin();
  if (!format_.username_format.empty()) {
    entry.identity.user = search.accounts.at(static_cast<std::size_t>(at));
  }
  const auto& stored = entry.stored_password;
  if (format_.scheme.empty() || is_locked(stored) || stored.starts_with('{')) return;
  entry.stored_password.insert(0, "{" + format_.scheme + "}");
}

bool PasswordFile::may_log_in(const PasswordEntry& entry, std::string_view address) const {
  if (!entry.may_log_in) return false;
  return std::ranges::all_of(entry.allow_nets, [&](const auto& networks) {
    return format_.is_in_networks && format_.is_in_networks(networks, address);
  });
}

Result<Identity> PasswordFile::verify(const Attempt& attempt) {
  const auto search = search_for(attempt.user);
  if (!search) return fail(unavailable(search.error()));
  auto found = look_up(search->path, search->keys);
  if (!found) return fail(unavailable(found.error()));
  const bool exists = found->entry.has_value();
  if (exists) adopt(*found->entry, *search);
  const auto matches = matches_stored_password(
      attempt.password, exists ? found->entry->stored_password : unmatchable_like(found->dearest));
  found->wipe_passwords();
  if (!exists) return fail(make_error(Errc::BadCredentials, kFailed));
  if (!matches) {
    // One that nobody can ever give is wrong, as for a name that nobody has: a line in the log.
    if (matches.error().code != Errc::Config) return fail(unavailable(matches.error()));
    log::error(log::escape(found->entry->identity.user) + ": " + matches.error().log_text);
    return fail(make_error(Errc::BadCredentials, kFailed));
  }
  if (!*matches) return fail(make_error(Errc::BadCredentials, kFailed));
  if (!may_log_in(*found->entry, attempt.peer)) return fail(make_error(Errc::Denied, kNotAllowed));
  return std::move(found->entry->identity);
}

Result<Identity> PasswordFile::find(std::string_view name) {
  const auto search = search_for(name);
  if (!search) return fail(unavailable(search.error()));
  auto found = look_up(search->path, search->keys);
  if (!found) return fail(unavailable(found.error()));
  if (found->entry) adopt(*found->entry, *search);
  found->wipe_passwords();
  if (!found->entry)
    return fail(make_error(Errc::NotFound, EnhancedStatus{5, 1, 1}, "No such user"));
  return std::move(found->entry->identity);
}

bool PasswordFile::can_scram() const {
  bool can = false;
  if (path_.find('%') != std::string::npos || !format_.scheme.empty()) return false;
  const auto read = for_each_entry(path_, [&](const PasswordEntry& entry) {
    can = is_locked(entry.stored_password) ? can : scram_source(entry.stored_password).is_usable();
    return can || is_locked(entry.stored_password);
  });
  return read && can;
}

Result<std::string> PasswordFile::begin_scram(const ScramFirst& first) {
  asked_.reset();
  const auto search = search_for(first.user);
  if (!search) return fail(unavailable(search.error()));
  auto found = TRY(look_up_for_scram(search->path, search->keys));
  if (found.entry) adopt(*found.entry, *search);
  const auto& candidates = search->accounts;
  auto made = [&]() -> Result<Asked> {
    const auto digest = TRY(digest::Digest::open());
    std::string secret = TRY(read_or_make_secret(secret_file_));
    // Every spelling of a name has one salt, known or not.
    const std::string_view name = candidates.empty() ? first.user : candidates.back();
    auto salt = digest.hmac(secret, name);
    wipe(secret);
    if (!salt) return fail(salt.error());
    salt->resize(std::min(found.salt_octets, salt->size()));
    ScramKeys keys;
    const auto source = found.entry ? scram_source(found.entry->stored_password) : ScramSource{};
    if (!source.is_usable()) found.entry.reset();
    if (!source.keys.empty()) {
      keys = TRY(parse_scram_keys(source.keys));
      if (found.has_plain) TRY(digest.pbkdf2(kNothing, *salt, found.iterations));  // the same work
    } else {
      // Without an account the keys of a password that nobody has.
      const std::string nobody = TRY(sys::random_octets(digest::kSha256));
      const bool derives = found.has_plain;
      if (source.is_usable() || derives) {
        keys = TRY(derive_scram_keys(digest, source.is_usable() ? source.password : nobody, *salt,
                                     found.iterations));
      } else {
        keys = {found.iterations, *salt, nobody, nobody};
      }
    }
    const std::string random = TRY(sys::random_octets(kNonceOctets));
    return Asked{ScramServer(std::move(keys), first, base64::encode(random)),
                 std::move(found.entry), std::string(first.peer)};
  }();
  if (found.entry) wipe(found.entry->stored_password);
  if (!made) return fail(unavailable(made.error()));
  if (made->entry) wipe(made->entry->stored_password);
  asked_.emplace(std::move(*made));
  return asked_->server.first_message();
}

Result<ScramOutcome> PasswordFile::finish_scram(const ScramFinal& final) {
  // A nonce is good for one proof.
  const auto asked = std::exchange(asked_, std::nullopt);
  if (!asked) return fail(Errc::BadSequence, kFailed, "SCRAM: a proof that was not asked for");
  const auto digest = TRY(digest::Digest::open());
  auto signature = asked->server.finish(digest, final);
  if (!signature) return fail(signature.error());
  if (!asked->entry) return fail(make_error(Errc::BadCredentials, kFailed));
  if (!may_log_in(*asked->entry, asked->peer)) return fail(make_error(Errc::Denied, kNotAllowed));
  return ScramOutcome{asked->entry->identity, std::move(*signature)};
}

Result<std::string> read_or_make_secret(const std::string& path) {
  if (!sys::exists(path)) {
    const FileDescriptor file =
        TRY(sys::open(path.substr(0, path.rfind('/') + 1), O_TMPFILE | O_WRONLY, 0600));
    std::string fresh = TRY(sys::random_octets(kSecretOctets));
    auto put = sys::write_all(file, fresh);
    wipe(fresh);
    TRY(std::move(put));
    TRY(sys::fsync(file, path));
    const auto linked = sys::link_open_file(file, path);
    // Another process may have been first: then its secret is the one.
    if (!linked && linked.error().code != Errc::Exists) return fail(linked.error());
  }
  const FileDescriptor file = TRY(sys::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  const auto status = TRY(sys::fstat(file));
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 0077U) != 0) {
    return fail(Errc::Denied, kFailed, path + ": not a file of ours alone");
  }
  auto secret = TRY(sys::pread_all(file, 0, kSecretOctets));
  if (secret.size() != kSecretOctets) {
    return fail(Errc::Corrupt, kFailed, path + ": cut short; remove it");
  }
  return secret;
}

}  // namespace mail::auth
