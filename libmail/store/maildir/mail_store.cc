#include "libmail/store/maildir/mail_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/mailbox_name.h"
#include "libmail/store/subscriptions.h"

namespace mail::store::maildir {
namespace {

bool is_directory(const std::string& path) {
  const auto status = sys::lstat(path);
  return status && S_ISDIR(status->st_mode);
}

std::string in_directory(std::string directory, const std::string& name) {
  return directory.append("/").append(name);
}

// Out of sight in one step, then away.
Result<void> remove_tree(const std::string& path, const std::string& aside_in) {
  const std::string aside =
      aside_in + "/..removed-" + std::to_string(std::hash<std::string>{}(path)) + "-" +
      std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
  TRY(sys::rename(path, aside));
  TRY(sys::fsync_directory(parent_directory(path)));
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  if (error) return fail(sys::error_from_errno(error.value(), "remove", aside));
  return {};
}

// Of a mailbox in a tree of directories, where others may lie below it: what is the Maildir's own.
bool is_own_file(const std::string& name) {
  for (const char* prefix : {"dovecot", "tubepost", "maildir", "courier"}) {
    if (name.starts_with(prefix)) return true;
  }
  return name == "cur" || name == "new" || name == "tmp";
}

}  // namespace

MaildirMailStore::MaildirMailStore(Location location, const Settings& settings)
    : location_(std::move(location)), layout_(location_), settings_(settings) {}

// In a tree a directory of ours would be taken for a folder; one in tmp/ is nobody's (Dovecot
// removes old files there, no directories).
MaildirMailStore::Place MaildirMailStore::place_at(const std::string& key) const {
  Place place{key, location_.root + "/" + key, {}};
  const auto& within = location_.directory_name;
  place.files.path = within.empty() ? place.folder : place.folder + "/" + within;
  if (!location_.control.empty()) place.files.control = location_.control + "/" + key;
  if (location_.index.empty()) {
    const auto& beside = place.files.control.empty() ? place.files.path : place.files.control;
    place.files.index = beside + "/tubepost.index";
  } else if (location_.index != "MEMORY") {
    place.files.index = location_.index + "/" + key + "/tubepost.index";
  }
  place.files.prepared =
      place.files.path + (layout_.is_flat() ? "/tubepost-prepared" : "/tmp/tubepost-prepared");
  return place;
}

MaildirMailStore::Place MaildirMailStore::place_of_inbox() const {
  Place place = place_at(location_.layout == "Maildir++" ? ".INBOX" : "INBOX");
  const std::string own = place.files.path;
  for (std::string* path : {&place.files.index, &place.files.prepared, &place.files.path}) {
    if (path->starts_with(own + "/") || *path == own) path->replace(0, own.size(), location_.inbox);
  }
  place.folder = location_.inbox;
  place.files.may_be_made = true;
  return place;
}

Result<MaildirMailStore::Place> MaildirMailStore::place_of(std::string_view checked_name) const {
  if (checked_name == "INBOX") return place_of_inbox();
  auto key = TRY(layout_.path_of(checked_name));
  if (const auto other = layout_.other_path_of(checked_name);
      !other.empty() && !sys::exists(location_.root + "/" + key) &&
      sys::exists(location_.root + "/" + other)) {
    key = other;
  }
  const auto folder = TRY(resolve_below(location_.root, key));
  return place_at(folder.substr(location_.root.size() + 1));
}

// Until 2026-11-28 the INBOX's state lay in CONTROL= itself; Dovecot's lies in .INBOX there.
void MaildirMailStore::take_over_control(const Place& inbox) const {
  const std::string former = location_.control + "/tubepost.state";
  const std::string log_path = inbox.files.control + "/tubepost.state";
  if (location_.control.empty() || sys::exists(log_path) || !sys::exists(former)) return;
  auto moved = make_private_directories(inbox.files.control);
  for (const char* suffix : {".session", ""}) {
    if (moved && sys::exists(former + suffix))
      moved = sys::rename(former + suffix, log_path + suffix);
  }
  if (!moved) log::warning(moved.error().log_text);
}

Result<std::unique_ptr<Mailbox>> MaildirMailStore::open(std::string_view name) {
  const std::string checked = TRY(check_mailbox_name(name));
  const Place place = TRY(place_of(checked));
  if (!place.files.may_be_made && !is_mailbox(place)) {
    return fail(Errc::NotFound, "Mailbox does not exist");
  }
  if (place.files.may_be_made) take_over_control(place);
  auto& slot = open_[place.files.path];
  auto box = slot.lock();
  if (!box) {
    box = std::make_shared<MaildirMailbox>(place.files, settings_);
    slot = box;
  }
  return std::make_unique<SharedMailbox>(std::move(box));
}

// A folder in a Maildir++ is one whatever is in it.
bool MaildirMailStore::is_mailbox(const Place& place) const {
  return is_directory(place.files.path) &&
         (layout_.is_flat() || is_directory(place.files.path + "/cur"));
}

void MaildirMailStore::find(const std::string& below, Found& found) const {
  const auto names = sys::list_directory(location_.root + "/" + below);
  if (!names) return;
  for (const auto& file : *names) {
    const Place place = place_at(below + file);
    if (place.folder == location_.inbox || place.folder == location_.control ||
        place.folder == location_.index) {
      continue;
    }
    const std::string name = layout_.name_of(place.key);
    if (name.empty() || !is_directory(place.folder)) continue;
    if (name != "INBOX") found[name] = {name, is_mailbox(place), false, false, true, true};
    if (!layout_.is_flat()) find(place.key + "/", found);
  }
}

Result<MaildirMailStore::Found> MaildirMailStore::find_all() const {
  const auto names = sys::list_directory(location_.root);
  if (!names && names.error().code != Errc::NotFound) return fail(names.error());
  Found found;
  find("", found);
  add_parents(found);
  return found;
}

Result<std::vector<MailboxName>> MaildirMailStore::list() {
  auto found = TRY(find_all());
  const auto subscribed = TRY(read_subscriptions(subscriptions_of(location_)));
  return listing(std::move(found), subscribed);
}

Result<void> MaildirMailStore::create(std::string_view name) {
  const bool is_only_place =
      name.ends_with('/') && !layout_.is_flat() && !location_.drops_empty_parents;
  if (name.ends_with('/')) name.remove_suffix(1);
  const std::string checked = TRY(check_mailbox_name(name));
  const Place place = TRY(place_of(checked));
  const bool is_there = checked == "INBOX" || sys::exists(place.files.path + "/cur") ||
                        ((layout_.is_flat() || is_only_place) && sys::exists(place.folder));
  if (is_there) return fail(Errc::Exists, "Mailbox already exists");
  if (is_only_place) return make_private_directories(place.folder);
  TRY(MaildirMailbox::make(place.files));
  if (location_.layout != "Maildir++") return {};
  return sys::replace_file(place.files.path + "/maildirfolder", "", 0600);  // this is a folder
}

std::vector<std::string> MaildirMailStore::other_roots() const {
  std::vector<std::string> roots;
  if (!location_.control.empty()) roots.push_back(location_.control);
  if (!location_.index.empty() && location_.index != "MEMORY" &&
      location_.index != location_.control) {
    roots.push_back(location_.index);
  }
  return roots;
}

// What NO-NOSELECT asks for.
void MaildirMailStore::tidy_parents(const std::string& folder) const {
  if (!location_.drops_empty_parents || layout_.is_flat()) return;
  for (std::string path = parent_directory(folder); path.size() > location_.root.size();
       path = parent_directory(path)) {
    if (::rmdir(path.c_str()) != 0) return;
  }
}

// Others may lie below it: cur goes first, without which it is none.
Result<void> MaildirMailStore::remove_mailbox(const Place& place) {
  if (layout_.is_flat()) return remove_tree(place.folder, location_.root);
  const auto& path = place.files.path;
  if (sys::exists(path + "/cur")) {
    TRY(make_private_directories(path + "/tmp"));
    TRY(remove_tree(path + "/cur", path + "/tmp"));
  }
  if (const auto names = sys::list_directory(path)) {
    for (const auto& name : *names) {
      if (!is_own_file(name)) continue;
      std::error_code error;
      std::filesystem::remove_all(in_directory(path, name), error);
      if (error)
        return fail(sys::error_from_errno(error.value(), "remove", in_directory(path, name)));
    }
  }
  if (path != place.folder) ::rmdir(path.c_str());
  ::rmdir(place.folder.c_str());  // unless others lie there
  return sys::fsync_directory(parent_directory(place.folder));
}

void MaildirMailStore::remove_elsewhere(const Place& place) const {
  for (const auto& root : other_roots()) {
    const std::string path = root + "/" + place.key;
    for (const char* file : {"tubepost.state", "tubepost.state.session", "tubepost.index",
                             "tubepost.cache", "dovecot-uidlist", "dovecot-keywords"}) {
      ::unlink((path + "/" + file).c_str());
    }
    ::rmdir(path.c_str());
  }
}

Result<void> MaildirMailStore::remove(std::string_view name) {
  const std::string checked = TRY(check_mailbox_name(name));
  if (checked == "INBOX") return impossible("INBOX cannot be deleted");
  const Place place = TRY(place_of(checked));
  if (!is_directory(place.folder)) return fail(Errc::NotFound, "Mailbox does not exist");
  if (!is_mailbox(place)) {
    const auto found = TRY(find_all());
    const auto entry = found.find(checked);
    if (entry != found.end() && entry->second.has_children) {
      return impossible("[HASCHILDREN] Mailbox has others below it");
    }
  }
  let_validity_pass(place.files.log_path());
  TRY(remove_mailbox(place));
  open_.erase(place.files.path);
  remove_elsewhere(place);
  tidy_parents(place.folder);
  return {};
}

Result<void> MaildirMailStore::rename_files(const Place& from, const Place& to,
                                            const Found& found) {
  std::vector<std::pair<std::string, std::string>> moves;
  if (!layout_.is_flat()) {
    moves.emplace_back(from.key, to.key);
  } else {
    for (const auto& [name, entry] : found) {
      const std::string key = TRY(place_of(name))
      .key;
      if (!entry.selectable || (key != from.key && !key.starts_with(from.key + "."))) continue;
      moves.emplace_back(key, to.key + key.substr(from.key.size()));
    }
  }
  for (const auto& [old_key, new_key] : moves) {
    if (sys::exists(location_.root + "/" + new_key)) {
      return fail(Errc::Exists, "Mailbox already exists");
    }
  }
  auto roots = other_roots();
  roots.insert(roots.begin(), location_.root);
  for (const auto& [old_key, new_key] : moves) {
    for (const auto& root : roots) {
      const std::string from_path = in_directory(root, old_key);
      const std::string to_path = in_directory(root, new_key);
      if (!sys::exists(from_path)) continue;
      TRY(make_private_directories(parent_directory(to_path)));
      TRY(sys::rename(from_path, to_path));
    }
  }
  return {};
}

Result<void> MaildirMailStore::rename(std::string_view from, std::string_view to) {
  if (to.ends_with('/')) to.remove_suffix(1);
  const std::string old_name = TRY(check_mailbox_name(from));
  const std::string new_name = TRY(check_mailbox_name(to));
  if (new_name == "INBOX") return fail(Errc::Exists, "Mailbox already exists");
  if (old_name == "INBOX") return move_inbox(*this, new_name);
  const Place old_place = TRY(place_of(old_name));
  const Place new_place = TRY(place_of(new_name));
  const auto found = TRY(find_all());
  if (!found.contains(old_name) && !is_directory(old_place.folder)) {
    return fail(Errc::NotFound, "Mailbox does not exist");
  }
  if (sys::exists(new_place.folder)) return fail(Errc::Exists, "Mailbox already exists");
  if (is_at_or_below(new_name, old_name)) return impossible("Cannot rename into itself");
  for (const auto& [name, entry] : found) {
    if (!entry.selectable || !is_at_or_below(name, old_name)) continue;
    let_validity_pass(TRY(place_of(name)).files.log_path());
  }
  TRY(rename_files(old_place, new_place, found));
  open_.clear();
  TRY(sys::fsync_directory(parent_directory(new_place.folder)));
  TRY(sys::fsync_directory(parent_directory(old_place.folder)));
  tidy_parents(old_place.folder);
  return {};
}

Result<void> MaildirMailStore::subscribe(std::string_view name, bool on) {
  const std::string checked = TRY(check_mailbox_name(name));
  return change_subscription(subscriptions_of(location_), checked, on);
}

}  // namespace mail::store::maildir
