#include "libmail/store/maildir/mail_store.h"

#include <algorithm>
#include <filesystem>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/store/mailbox_name.h"
#include "libmail/store/subscriptions.h"

namespace mail::store::maildir {
namespace {

std::string name_of(std::string directory) {
  directory.erase(0, 1);
  std::replace(directory.begin(), directory.end(), '.', '/');
  return from_modified_utf7(directory);
}

bool is_directory(const std::string& path) {
  const auto status = sys::lstat(path);
  return status && S_ISDIR(status->st_mode);
}

// INBOX itself stays, empty (RFC 3501 section 6.3.5).
Result<void> move_inbox(MailStore& store, const std::string& to) {
  TRY(store.create(to));
  const auto inbox = store.open("INBOX");
  if (!inbox) return fail(inbox.error());
  const auto target = store.open(to);
  if (!target) return fail(target.error());
  return move_messages(**inbox, **target);
}

}  // namespace

Result<std::string> MaildirMailStore::directory_of(std::string_view checked_name) {
  if (checked_name == "INBOX") return std::string{};
  if (checked_name.find('.') != std::string_view::npos) {
    return fail(Errc::Denied, "Mailbox name not allowed: '.' separates levels on disk");
  }
  std::string directory = "." + to_modified_utf7(checked_name);
  std::replace(directory.begin(), directory.end(), '/', '.');
  return directory;
}

std::string MaildirMailStore::log_path_of(const std::string& directory) const {
  const std::string& root = location_.control.empty() ? location_.root : location_.control;
  return root + "/" + directory + "/tubepost.state";
}

std::string MaildirMailStore::index_path_of(const std::string& directory) const {
  if (location_.index == "MEMORY") return {};
  const std::string& root =
      location_.index.empty() ? parent_directory(log_path_of(directory)) : location_.index;
  if (location_.index.empty()) return root + "/tubepost.index";
  return root + "/" + directory + "/tubepost.index";
}

Result<std::vector<std::string>> MaildirMailStore::directories() const {
  auto names = sys::list_directory(location_.root);
  if (!names && names.error().code == Errc::NotFound) return std::vector<std::string>{};
  if (!names) return fail(names.error());
  std::erase_if(*names, [&](const std::string& name) {
    return name.size() < 2 || name.front() != '.' || name.at(1) == '.' ||
           !is_directory(location_.root + "/" + name);
  });
  return names;
}

Result<std::unique_ptr<Mailbox>> MaildirMailStore::open(std::string_view name) {
  const std::string checked = TRY(check_mailbox_name(name));
  const std::string directory = TRY(directory_of(checked));
  const std::string path = directory.empty() ? location_.inbox : location_.root + "/" + directory;
  if (!directory.empty() && !is_directory(path)) {
    return fail(Errc::NotFound, "Mailbox does not exist");
  }
  auto& slot = open_[path];
  auto box = slot.lock();
  if (!box) {
    const std::string control =
        location_.control.empty() ? std::string{} : location_.control + "/" + directory;
    box = std::make_shared<MaildirMailbox>(path, control, index_path_of(directory), settings_,
                                           directory.empty());
    slot = box;
  }
  return std::make_unique<SharedMailbox>(std::move(box));
}

Result<std::vector<MailboxName>> MaildirMailStore::list() {
  std::map<std::string, MailboxName> found;
  for (const auto& directory : TRY(directories())) {
    const std::string name = name_of(directory);
    found[name].name = name;
    found[name].selectable = true;
    for (auto slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      const std::string parent = name.substr(0, slash);
      if (!found.contains(parent)) found[parent] = {parent, false, true, false, true};
      found[parent].has_children = true;
    }
  }
  std::vector<MailboxName> names;
  names.push_back({"INBOX", true, false, false, true});
  for (auto& [name, entry] : found) names.push_back(std::move(entry));
  auto subscribed = TRY(read_subscriptions(location_.root + "/subscriptions", '.'));
  mark_subscribed(names, std::move(subscribed));
  return names;
}

Result<void> MaildirMailStore::create(std::string_view name) {
  const std::string checked = TRY(check_mailbox_name(name));
  const std::string directory = TRY(directory_of(checked));
  const std::string path = location_.root + "/" + directory;
  if (directory.empty() || sys::exists(path)) return fail(Errc::Exists, "Mailbox already exists");
  TRY(MaildirMailbox::make(path));
  return sys::replace_file(path + "/maildirfolder", "", 0600);  // Maildir++: this is a folder
}

Result<void> MaildirMailStore::remove(std::string_view name) {
  const std::string checked = TRY(check_mailbox_name(name));
  if (checked == "INBOX") return fail(Errc::Denied, "INBOX cannot be deleted");
  const std::string path = location_.root + "/" + TRY(directory_of(checked));
  if (!is_directory(path)) return fail(Errc::NotFound, "Mailbox does not exist");
  let_validity_pass(log_path_of(TRY(directory_of(checked))));
  // Out of sight in one step, then away.
  const std::string aside =
      location_.root + "/..removed-" + std::to_string(std::hash<std::string>{}(path)) + "-" +
      std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
  TRY(sys::rename(path, aside));
  TRY(sys::fsync_directory(location_.root));
  open_.erase(path);
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  if (error) return fail(sys::error_from_errno(error.value(), "remove", aside));
  return {};
}

Result<void> MaildirMailStore::rename(std::string_view from, std::string_view to) {
  const std::string old_name = TRY(check_mailbox_name(from));
  const std::string new_name = TRY(check_mailbox_name(to));
  const std::string old_directory = TRY(directory_of(old_name));
  const std::string new_directory = TRY(directory_of(new_name));
  if (new_directory.empty() || sys::exists(location_.root + "/" + new_directory)) {
    return fail(Errc::Exists, "Mailbox already exists");
  }
  if (old_directory.empty()) {
    return move_inbox(*this, new_name);
  }
  if (new_name.starts_with(old_name + "/")) {
    return fail(Errc::Denied, "Cannot rename into itself");
  }
  bool any = false;
  for (const auto& directory : TRY(directories())) {
    if (directory != old_directory && !directory.starts_with(old_directory + ".")) continue;
    const std::string target = new_directory + directory.substr(old_directory.size());
    let_validity_pass(log_path_of(directory));
    TRY(sys::rename(location_.root + "/" + directory, location_.root + "/" + target));
    if (!location_.control.empty() && sys::exists(location_.control + "/" + directory)) {
      TRY(sys::rename(location_.control + "/" + directory, location_.control + "/" + target));
    }
    any = true;
  }
  if (!any) return fail(Errc::NotFound, "Mailbox does not exist");
  open_.clear();
  return sys::fsync_directory(location_.root);
}

Result<void> MaildirMailStore::subscribe(std::string_view name, bool on) {
  const std::string checked = TRY(check_mailbox_name(name));
  return change_subscription(location_.root + "/subscriptions", '.', checked, on);
}

}  // namespace mail::store::maildir
