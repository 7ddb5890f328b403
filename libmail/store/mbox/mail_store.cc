#include "libmail/store/mbox/mail_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/mailbox_name.h"
#include "libmail/store/subscriptions.h"

namespace mail::store::mbox {
namespace {

constexpr std::size_t kMaxStateName = 200;  // octets; NAME_MAX with our suffixes

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

// The same, or what stands for one too long. No mailbox's name gives "%3A".
std::string as_state_name(const std::string& prefix, std::string_view name) {
  std::string file = as_file_name(prefix + std::string(name));
  if (file.size() <= kMaxStateName) return file;
  return (prefix.empty() ? "name" : prefix.substr(0, prefix.size() - 1)) + "%3A" +
         std::to_string(hash_of(name));
}

// In a directory of the user's uid, which several accounts may have: each INBOX by its own path.
std::string spool_log_path(const std::string& directory, const std::string& inbox) {
  std::error_code error;
  const auto real = std::filesystem::weakly_canonical(inbox, error);
  const std::string path = error ? inbox : real.string();
  return directory + "/" + as_state_name("INBOX:", path) + ".state";
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

// Until 2026-11-28 it was ROOT/.tubepost, which Dovecot shows as a folder: whoever comes first
// moves it, in one step. Where that cannot be done it stays.
std::string own_directory(const std::string& root) {
  const std::string imap = root + "/.imap";
  std::string directory = imap + "/" + std::string(kOwnDirectory);
  std::string former = root + "/" + std::string(kOwnDirectory);
  if (sys::exists(directory) || !sys::exists(former)) return directory;
  auto moved = make_private_directories(imap);
  if (moved) moved = sys::rename(former, directory);
  if (moved) moved = sys::fsync_directory(imap);
  if (moved) moved = sys::fsync_directory(root);
  if (moved || sys::exists(directory)) return directory;
  log::warning(moved.error().log_text);
  return former;
}

// Dovecot's index of mailboxes that are no more is all that keeps a directory from being empty.
Result<void> remove_directory(const std::string& path) {
  const auto names = TRY(sys::list_directory(path));
  const bool is_empty =
      std::ranges::all_of(names, [](const auto& name) { return name == ".imap"; });
  if (!is_empty) {
    return impossible("[HASCHILDREN] Mailbox has others below it");
  }
  std::error_code error;
  if (!names.empty()) std::filesystem::remove_all(path + "/.imap", error);
  if (::rmdir(path.c_str()) != 0) return fail(sys::error_from_errno(errno, "rmdir", path));
  return sys::fsync_directory(parent_directory(path));
}

mode_t kind_of(const std::string& path) {
  const auto status = sys::lstat(path);
  return status ? status->st_mode & S_IFMT : 0;
}

}  // namespace

MboxMailStore::MboxMailStore(Location location, const std::string& spool_state,
                             const Settings& settings)
    : location_(std::move(location)),
      layout_(location_),
      control_(location_.control.empty() ? own_directory(location_.root) : location_.control),
      settings_(settings) {
  if (spool_state.empty()) return;
  spool_log_path_ = spool_log_path(spool_state, location_.inbox);
  take_over_log(spool_state, spool_log_path_);
}

MboxMailStore::Place MboxMailStore::place_at(const std::string& name,
                                             const std::string& folder) const {
  const auto& within = location_.directory_name;
  return {name, folder, within.empty() ? folder : folder + "/" + within};
}

Result<MboxMailStore::Place> MboxMailStore::place_of(std::string_view checked_name) const {
  if (checked_name == "INBOX") return Place{"INBOX", location_.inbox, location_.inbox};
  const auto usual = TRY(layout_.path_of(checked_name));
  auto folder = TRY(resolve_below(location_.root, usual));
  if (const auto other = layout_.other_path_of(checked_name);
      !other.empty() && !sys::exists(folder)) {
    const auto there = TRY(resolve_below(location_.root, other));
    if (sys::exists(there)) folder = there;
  }
  for (const auto& own : {control_, location_.index}) {
    if (own.starts_with(location_.root + "/") && is_at_or_below(folder, own)) {
      return cannot("it is reserved");
    }
  }
  // A link to a directory gives a mailbox a second name, not a second state.
  std::string name = layout_.name_of(folder.substr(location_.root.size() + 1));
  if (name.empty()) return cannot("it is reserved");
  return place_at(name, folder);
}

std::string MboxMailStore::log_path_of(std::string_view checked_name) const {
  if (checked_name == "INBOX" && !spool_log_path_.empty()) return spool_log_path_;
  return control_ + "/" + as_state_name("", checked_name) + ".state";
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
  dovecot.is_met = met_dovecot_;
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
  const Place place = TRY(place_of(checked));
  if (checked != "INBOX") {
    const auto status = sys::lstat(place.path);
    if (!status && status.error().code != Errc::NotFound) return fail(status.error());
    if (!status || !S_ISREG(status->st_mode)) {
      return fail(Errc::NotFound, "Mailbox does not exist");
    }
  }
  return open_at(place.path, log_path_of(place.name));
}

Result<std::unique_ptr<Mailbox>> MboxMailStore::open_file(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  if (error) return fail(sys::error_from_errno(error.value(), "open", path));
  const auto inbox = std::filesystem::weakly_canonical(location_.inbox, error);
  if (real == inbox) return open("INBOX");
  const auto root = std::filesystem::weakly_canonical(location_.root, error).string() + "/";
  if (real.string().starts_with(root)) {
    std::string below = real.string().substr(root.size());
    if (!location_.directory_name.empty() && below.ends_with("/" + location_.directory_name)) {
      below.resize(below.rfind('/'));
    }
    const std::string name = layout_.name_of(below);
    if (!name.empty()) {
      if (auto opened = open(name)) return opened;
    }
  }
  const auto status = TRY(sys::stat(real));
  if (!S_ISREG(status.st_mode)) return fail(Errc::NotFound, "Not a mailbox");
  return open_at(real, control_ + "/" + as_state_name("file:", real.string()) + ".state");
}

// One name in the tree; `below` is the directory's path below the root, with '/' at its end.
void MboxMailStore::find_file(const std::string& below, const std::string& file,
                              Found& found) const {
  const std::string path = location_.root + "/" + below + file;
  if (path == location_.inbox || path == control_ || path == location_.index) return;
  const std::string name = layout_.name_of(below + file);
  if (name.empty()) return;
  const mode_t kind = kind_of(path);
  const bool is_tree = !layout_.is_flat();
  if (kind == S_IFREG && location_.directory_name.empty()) {
    if (name != "INBOX") found[name] = {name, true, false, false, true, !is_tree};
  } else if (kind == S_IFDIR && is_tree) {
    const auto& within = location_.directory_name;
    const bool is_mailbox = !within.empty() && kind_of(path + "/" + within) == S_IFREG;
    if (name != "INBOX") found[name] = {name, is_mailbox, false, false, true, true};
    static_cast<void>(find(below + file + "/", found));
  }
}

Result<void> MboxMailStore::find(const std::string& below, Found& found) const {
  const auto names = sys::list_directory(location_.root + "/" + below);
  if (!names && (names.error().code == Errc::NotFound || !below.empty())) return {};
  if (!names) return fail(names.error());
  for (const auto& file : *names) find_file(below, file, found);
  return {};
}

Result<MboxMailStore::Found> MboxMailStore::find_all() const {
  Found found;
  TRY(find("", found));
  add_parents(found);
  return found;
}

Result<std::vector<MailboxName>> MboxMailStore::list() {
  auto found = TRY(find_all());
  const auto subscribed = TRY(read_subscriptions(subscriptions_of(location_)));
  return listing(std::move(found), subscribed);
}

Result<void> MboxMailStore::create(std::string_view name) {
  const bool is_only_place =
      name.ends_with('/') && !layout_.is_flat() && !location_.drops_empty_parents;
  if (name.ends_with('/')) name.remove_suffix(1);
  const std::string checked = TRY(check_mailbox_name(name));
  if (checked == "INBOX") return fail(Errc::Exists, "Mailbox already exists");
  const Place place = TRY(place_of(checked));
  const bool is_there = sys::exists(place.path) || (is_only_place && sys::exists(place.folder));
  if (is_there) return fail(Errc::Exists, "Mailbox already exists");
  const std::string parent = is_only_place ? place.folder : parent_directory(place.path);
  for (std::string above = parent_directory(place.folder); above.size() > location_.root.size();
       above = parent_directory(above)) {
    if (kind_of(above) != S_IFREG) continue;
    return impossible("A mailbox above it cannot have others below it");
  }
  TRY(make_private_directories(parent));
  if (is_only_place) return {};
  auto fd = sys::open(place.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!fd && fd.error().code == Errc::Exists) {
    return fail(Errc::Exists, "Mailbox already exists");
  }
  if (!fd) return fail(fd.error());
  return sys::fsync_directory(parent);
}

// What NO-NOSELECT asks for.
void MboxMailStore::tidy_parents(const std::string& folder) const {
  if (!location_.drops_empty_parents || layout_.is_flat()) return;
  for (std::string path = parent_directory(folder); path.size() > location_.root.size();
       path = parent_directory(path)) {
    if (!remove_directory(path)) return;
  }
}

Result<void> MboxMailStore::remove_folder(const std::string& folder) {
  if (layout_.is_flat() || kind_of(folder) != S_IFDIR) {
    return fail(Errc::NotFound, "Mailbox does not exist");
  }
  return remove_directory(folder);
}

void MboxMailStore::remove_state(const std::string& name) const {
  const std::string log_path = log_path_of(name);
  const std::string index = index_path_of(log_path);
  std::vector<std::string> files{index, MessageCache::path_for(index)};
  for (const char* suffix : {"", ".session", ".window", ".window-2"}) {
    files.push_back(log_path + suffix);
  }
  for (const auto& file : files) {
    if (file.empty()) continue;
    if (auto gone = sys::unlink(file); !gone && gone.error().code != Errc::NotFound) {
      log::warning(gone.error().log_text);
    }
  }
}

Result<void> MboxMailStore::remove(std::string_view name) {
  const std::string checked = TRY(check_mailbox_name(name));
  if (checked == "INBOX") return impossible("INBOX cannot be deleted");
  const Place place = TRY(place_of(checked));
  if (kind_of(place.path) != S_IFREG) {
    TRY(remove_folder(place.folder));
  } else {
    let_validity_pass(log_path_of(place.name));
    TRY(sys::unlink(place.path));
    remove_state(place.name);
    open_.erase(place.path);
    // Those below it stay, and so does the place they are in.
    if (place.path != place.folder) static_cast<void>(remove_directory(place.folder));
  }
  tidy_parents(place.folder);
  return {};
}

Result<void> MboxMailStore::rename_state(const std::string& from, const std::string& to) const {
  const std::string old_path = log_path_of(from);
  const std::string new_path = log_path_of(to);
  const auto move = [](const std::string& old_file, const std::string& new_file) -> Result<void> {
    if (old_file.empty() || !sys::exists(old_file)) return {};
    return sys::rename(old_file, new_file);
  };
  for (const char* suffix : {"", ".session", ".window", ".window-2"}) {
    TRY(move(old_path + suffix, new_path + suffix));
  }
  const std::string old_index = index_path_of(old_path);
  const std::string new_index = index_path_of(new_path);
  TRY(move(MessageCache::path_for(old_index), MessageCache::path_for(new_index)));
  return move(old_index, new_index);
}

Result<void> MboxMailStore::rename_files(const Place& from, const Place& to) {
  if (!layout_.is_flat()) {
    TRY(make_private_directories(parent_directory(to.folder)));
    return sys::rename(from.folder, to.folder);
  }
  const auto names = TRY(sys::list_directory(location_.root));
  std::vector<std::pair<std::string, std::string>> moves;
  for (const auto& file : names) {
    const std::string path = location_.root + "/" + file;
    if (path != from.folder && !path.starts_with(from.folder + ".")) continue;
    moves.emplace_back(path, to.folder + path.substr(from.folder.size()));
    if (sys::exists(moves.back().second)) return fail(Errc::Exists, "Mailbox already exists");
  }
  for (const auto& [old_path, new_path] : moves) TRY(sys::rename(old_path, new_path));
  return {};
}

Result<void> MboxMailStore::rename(std::string_view from, std::string_view to) {
  if (to.ends_with('/')) to.remove_suffix(1);
  const std::string old_name = TRY(check_mailbox_name(from));
  const std::string new_name = TRY(check_mailbox_name(to));
  if (new_name == "INBOX") return fail(Errc::Exists, "Mailbox already exists");
  if (old_name == "INBOX") return move_inbox(*this, new_name);
  const Place old_place = TRY(place_of(old_name));
  const Place new_place = TRY(place_of(new_name));
  const auto found = TRY(find_all());
  if (!found.contains(old_place.name)) return fail(Errc::NotFound, "Mailbox does not exist");
  if (sys::exists(new_place.folder)) return fail(Errc::Exists, "Mailbox already exists");
  if (is_at_or_below(new_place.name, old_place.name))
    return impossible("Cannot rename into itself");
  let_validity_pass(log_path_of(old_place.name));
  // Whoever is killed between the two names leaves the file without its state: flags lie in it.
  for (const auto& [name, entry] : found) {
    if (!entry.selectable || !is_at_or_below(name, old_place.name)) continue;
    if (const auto box = open(name)) static_cast<void>((*box)->fold());
  }
  TRY(rename_files(old_place, new_place));
  TRY(sys::fsync_directory(parent_directory(new_place.folder)));
  TRY(sys::fsync_directory(parent_directory(old_place.folder)));
  for (const auto& [name, entry] : found) {
    if (!entry.selectable || !is_at_or_below(name, old_place.name)) continue;
    TRY(rename_state(name, new_place.name + name.substr(old_place.name.size())));
  }
  if (sys::exists(control_)) TRY(sys::fsync_directory(control_));
  open_.clear();
  tidy_parents(old_place.folder);
  return {};
}

Result<void> MboxMailStore::subscribe(std::string_view name, bool on) {
  const std::string checked = TRY(check_mailbox_name(name));
  return change_subscription(subscriptions_of(location_), checked, on);
}

}  // namespace mail::store::mbox
