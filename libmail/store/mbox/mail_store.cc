#include "libmail/store/mbox/mail_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/mailbox_name.h"
#include "libmail/store/subscriptions.h"

namespace mail::store::mbox {
namespace {

constexpr int kMaxDepth = 20;  // levels of folders

// A mailbox's name as a file name: one level, so that no name is another's directory.
std::string as_file_name(std::string_view name) {
  std::string out;
  for (const char c : to_modified_utf7(name)) {
    if (c == '/') {
      out += "%2F";
    } else if (c == '%') {
      out += "%25";
    } else {
      out += c;
    }
  }
  return out;
}

void remove_empty_parents(const std::string& path, const std::string& root) {
  std::error_code ignored;
  for (std::string dir = parent_directory(path); dir.size() > root.size() && dir.starts_with(root);
       dir = parent_directory(dir)) {
    if (::rmdir(dir.c_str()) != 0) return;
  }
}

// In a directory of the user's uid, which several accounts may have: each INBOX by its own path.
std::string spool_log_path(const std::string& directory, const std::string& inbox) {
  std::error_code error;
  const auto real = std::filesystem::weakly_canonical(inbox, error);
  const std::string path = error ? inbox : real.string();
  const std::string name = as_file_name("INBOX:" + path);
  if (name.size() <= kMaxMailboxName) return directory + "/" + name + ".state";
  return directory + "/INBOX%3A" + std::to_string(hash_of(path)) + ".state";
}

// Until 2026-11-28 it was called INBOX.state: whoever comes first takes it over.
void take_over_log(const std::string& directory, const std::string& log_path) {
  const std::string former = directory + "/INBOX.state";
  if (sys::exists(log_path) || !sys::exists(former)) return;
  for (const char* suffix : {".session", ""}) {
    const auto moved = sys::rename(former + suffix, log_path + suffix);
    if (!moved && moved.error().code != Errc::NotFound) log::warning(moved.error().log_text);
  }
}

}  // namespace

MboxMailStore::MboxMailStore(Location location, const std::string& spool_state,
                             const Settings& settings)
    : location_(std::move(location)),
      control_(location_.control.empty() ? location_.root + "/.tubepost" : location_.control),
      settings_(settings) {
  if (spool_state.empty()) return;
  spool_log_path_ = spool_log_path(spool_state, location_.inbox);
  take_over_log(spool_state, spool_log_path_);
}

Result<std::string> MboxMailStore::path_of(std::string_view checked_name) const {
  if (checked_name == "INBOX") return location_.inbox;
  for (const auto level : ascii::split(checked_name, '/')) {
    if (level.front() == '.') {
      return fail(Errc::Denied, "Mailbox name not allowed: a level begins with '.'");
    }
  }
  std::string path = location_.root + "/" + to_modified_utf7(checked_name);
  // A symbolic link may lead about inside the root, not out of it.
  std::error_code error;
  const auto root = std::filesystem::weakly_canonical(location_.root, error);
  const auto real = std::filesystem::weakly_canonical(parent_directory(path), error).string() + "/";
  if (error || !real.starts_with(root.string() + "/")) {
    return fail(Errc::Denied, "Mailbox name not allowed: it leads out of the mail root",
                log::escape(path) + " leads out of the mail root");
  }
  return path;
}

std::string MboxMailStore::log_path_of(std::string_view checked_name) const {
  if (checked_name == "INBOX" && !spool_log_path_.empty()) return spool_log_path_;
  return control_ + "/" + as_file_name(checked_name) + ".state";
}

std::string MboxMailStore::index_path_of(const std::string& log_path) const {
  if (location_.index == "MEMORY") return {};
  if (location_.index.empty() || location_.index == location_.control) return log_path + ".index";
  return location_.index + log_path.substr(log_path.rfind('/')) + ".index";
}

// ROOT/LEVELS/.imap/NAME, of the mail root's levels.
DovecotIndex MboxMailStore::dovecot_index_of(const std::string& path) const {
  DovecotIndex dovecot;
  dovecot.is_in_memory = location_.index == "MEMORY";
  if (dovecot.is_in_memory) return dovecot;
  const std::string& root = location_.index.empty() ? location_.root : location_.index;
  dovecot.directory = root + "/.imap";
  std::string name = "/INBOX";
  if (path != location_.inbox) {
    if (!path.starts_with(location_.root + "/")) return {};
    name = path.substr(location_.root.size());
  }
  const auto slash = name.rfind('/');
  dovecot.log = root + name.substr(0, slash) + "/.imap" + name.substr(slash) + "/dovecot.index.log";
  return dovecot;
}

std::unique_ptr<Mailbox> MboxMailStore::open_at(const std::string& path,
                                                const std::string& log_path) {
  auto& slot = open_[path];
  auto box = slot.lock();
  if (!box) {
    box = std::make_shared<MboxMailbox>(path, log_path, index_path_of(log_path),
                                        dovecot_index_of(path), settings_);
    slot = box;
  }
  return std::make_unique<SharedMailbox>(std::move(box));
}

Result<std::unique_ptr<Mailbox>> MboxMailStore::open(std::string_view name) {
  const std::string checked = TRY(check_mailbox_name(name));
  const std::string path = TRY(path_of(checked));
  if (checked != "INBOX") {
    const auto status = sys::lstat(path);
    if (!status && status.error().code != Errc::NotFound) return fail(status.error());
    if (!status || !S_ISREG(status->st_mode)) {
      return fail(Errc::NotFound, "Mailbox does not exist");
    }
  }
  return open_at(path, log_path_of(checked));
}

Result<std::unique_ptr<Mailbox>> MboxMailStore::open_file(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  if (error) return fail(sys::error_from_errno(error.value(), "open", path));
  const auto inbox = std::filesystem::weakly_canonical(location_.inbox, error);
  if (real == inbox) return open("INBOX");
  const auto root = std::filesystem::weakly_canonical(location_.root, error).string() + "/";
  if (real.string().starts_with(root)) {
    const std::string name = from_modified_utf7(real.string().substr(root.size()));
    if (auto opened = open(name)) return opened;
  }
  const auto status = TRY(sys::stat(real));
  if (!S_ISREG(status.st_mode)) return fail(Errc::NotFound, "Not a mailbox");
  const std::string known_as = as_file_name("file:" + real.string());
  if (known_as.size() <= kMaxMailboxName)
    return open_at(real, control_ + "/" + known_as + ".state");
  return open_at(real, control_ + "/file%3A" + std::to_string(hash_of(real.string())) + ".state");
}

Result<void> MboxMailStore::find(const std::string& directory, const std::string& prefix, int depth,
                                 std::map<std::string, MailboxName>& found) const {
  if (depth > kMaxDepth) return {};
  const auto names = sys::list_directory(directory);
  if (!names && names.error().code == Errc::NotFound) return {};
  if (!names) return fail(names.error());
  for (const auto& file : *names) {
    if (file.starts_with('.')) continue;
    std::string path = directory;
    path.append("/").append(file);
    if (path == location_.inbox || path == control_ || path == location_.index) continue;
    const auto status = sys::lstat(path);
    if (!status) continue;
    const std::string name = prefix + from_modified_utf7(file);
    if (ascii::iequals(name, "INBOX")) continue;
    if (S_ISDIR(status->st_mode)) {
      const auto before = found.size();
      TRY(find(path, name + "/", depth + 1, found));
      found[name] = {name, false, found.size() > before, false, true};
    } else if (S_ISREG(status->st_mode) && !file.ends_with(".lock")) {
      found[name] = {name, true, false, false, true};
    }
  }
  return {};
}

std::string MboxMailStore::subscriptions_path() const {
  return (location_.control.empty() ? location_.root : location_.control) + "/.subscriptions";
}

Result<std::vector<MailboxName>> MboxMailStore::list() {
  std::map<std::string, MailboxName> found;
  TRY(find(location_.root, "", 0, found));
  std::vector<MailboxName> names;
  names.push_back({"INBOX", true, false, false, true});
  for (auto& [name, entry] : found) names.push_back(std::move(entry));
  auto subscribed = TRY(read_subscriptions(subscriptions_path(), '/'));
  mark_subscribed(names, std::move(subscribed));
  return names;
}

Result<void> MboxMailStore::create(std::string_view name) {
  const std::string checked = TRY(check_mailbox_name(name));
  if (checked == "INBOX") return fail(Errc::Exists, "Mailbox already exists");
  const std::string path = TRY(path_of(checked));
  TRY(make_private_directories(parent_directory(path)));
  auto fd = sys::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!fd && fd.error().code == Errc::Exists) {
    return fail(Errc::Exists, "Mailbox already exists");
  }
  if (!fd) return fail(fd.error());
  return sys::fsync_directory(parent_directory(path));
}

Result<void> MboxMailStore::remove(std::string_view name) {
  const std::string checked = TRY(check_mailbox_name(name));
  if (checked == "INBOX") return fail(Errc::Denied, "INBOX cannot be deleted");
  const std::string path = TRY(path_of(checked));
  const auto status = sys::lstat(path);
  if (!status || !S_ISREG(status->st_mode)) return fail(Errc::NotFound, "Mailbox does not exist");
  const std::string log_path = log_path_of(checked);
  let_validity_pass(log_path);
  TRY(sys::unlink(path));
  for (const char* suffix : {"", ".index", ".session", ".window", ".window-2"}) {
    if (auto gone = sys::unlink(log_path + suffix); !gone && gone.error().code != Errc::NotFound) {
      log::warning(gone.error().log_text);
    }
  }
  open_.erase(path);
  remove_empty_parents(path, location_.root);
  return {};
}

// States of a mailbox and of those below it.
Result<void> MboxMailStore::rename_state(const std::string& from, const std::string& to) {
  const auto files = sys::list_directory(control_);
  if (!files) return {};
  const std::string old_name = as_file_name(from);
  const std::string new_name = as_file_name(to);
  for (const auto& file : *files) {
    if (!file.starts_with(old_name)) continue;
    const std::string rest = file.substr(old_name.size());
    if (!rest.starts_with(".state") && !rest.starts_with("%2F")) continue;
    std::string target = control_ + "/";
    target.append(new_name).append(rest);
    TRY(sys::rename(control_ + "/" + file, target));
  }
  return sys::fsync_directory(control_);
}

Result<void> MboxMailStore::rename(std::string_view from, std::string_view to) {
  const std::string old_name = TRY(check_mailbox_name(from));
  const std::string new_name = TRY(check_mailbox_name(to));
  const std::string old_path = TRY(path_of(old_name));
  const std::string new_path = TRY(path_of(new_name));
  if (new_name == "INBOX" || sys::exists(new_path)) {
    return fail(Errc::Exists, "Mailbox already exists");
  }
  if (new_name.starts_with(old_name + "/") && old_name != "INBOX") {
    return fail(Errc::Denied, "Cannot rename into itself");
  }
  if (old_name == "INBOX") {
    TRY(create(new_name));
    const auto inbox = open("INBOX");
    if (!inbox) return fail(inbox.error());
    const auto target = open(new_name);
    if (!target) return fail(target.error());
    return move_messages(**inbox, **target);
  }
  if (!sys::exists(old_path)) return fail(Errc::NotFound, "Mailbox does not exist");
  let_validity_pass(log_path_of(old_name));
  TRY(make_private_directories(parent_directory(new_path)));
  TRY(sys::rename(old_path, new_path));
  TRY(sys::fsync_directory(parent_directory(new_path)));
  TRY(rename_state(old_name, new_name));
  open_.clear();
  remove_empty_parents(old_path, location_.root);
  return {};
}

Result<void> MboxMailStore::subscribe(std::string_view name, bool on) {
  const std::string checked = TRY(check_mailbox_name(name));
  return change_subscription(subscriptions_path(), '/', checked, on);
}

}  // namespace mail::store::mbox
