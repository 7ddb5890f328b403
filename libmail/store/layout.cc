#include "libmail/store/layout.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/store/mailbox_name.h"
#include "libmail/store/state_log.h"

namespace mail::store {
namespace {

constexpr std::size_t kMaxLevel = 255;  // octets of a file's name
constexpr std::string_view kLock = ".lock";

// What lies in a Maildir or beside an mbox under these names is not a mailbox.
constexpr auto kMaildirFiles = std::to_array<std::string_view>(
    {"cur", "new", "tmp", "subscriptions", "maildirfolder", "maildirsize"});
constexpr auto kMaildirPrefixes =
    std::to_array<std::string_view>({"dovecot-", "dovecot.", "tubepost-", "tubepost."});
constexpr auto kMboxFiles =
    std::to_array<std::string_view>({".imap", ".subscriptions", ".tubepost"});
// What NFS keeps for who has a removed file open; replace_file()'s before its rename.
constexpr auto kMboxPrefixes = std::to_array<std::string_view>({".nfs", ".subscriptions.tmp"});

template <class List>
bool is_in(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

}  // namespace

Layout::Layout(const Location& location)
    : kind_(location.layout == "fs"        ? Kind::Fs
            : location.layout == "imapdir" ? Kind::ImapDir
                                           : Kind::MaildirPlusPlus),
      format_(location.format),
      directory_name_(location.directory_name),
      subscriptions_(location.subscriptions),
      is_utf8_(location.is_utf8),
      has_homes_files_(kind_ == Kind::Fs && location.root_holds_home) {}

char separator_of(const Location& location) { return Layout(location).separator(); }

// Why a file's or directory's name in the tree cannot be a mailbox's; empty: it can.
std::string_view Layout::fault_of(std::string_view level) const {
  // A lock file's name is 5 octets longer than the mailbox's.
  const std::size_t room = format_ == Format::Mbox ? kMaxLevel - kLock.size() : kMaxLevel;
  if (level.size() > room) return "it is too long";
  if (level == directory_name_ || level == subscriptions_) return "it is reserved";
  if (format_ == Format::Mbox) {
    if (has_homes_files_ && level.starts_with('.')) return "a level begins with '.'";
    const bool is_file = std::ranges::any_of(
        kMboxPrefixes, [&](std::string_view prefix) { return level.starts_with(prefix); });
    if (is_file || is_in(kMboxFiles, level)) return "it is reserved";
    if (level.size() > kLock.size() && level.ends_with(kLock)) {
      return "a level ends in \".lock\"";
    }
  } else if (kind_ != Kind::MaildirPlusPlus) {
    const bool is_file = std::ranges::any_of(
        kMaildirPrefixes, [&](std::string_view prefix) { return level.starts_with(prefix); });
    if (is_file || is_in(kMaildirFiles, level)) return "it is reserved";
  }
  return {};
}

std::string Layout::to_path(std::string coded) const {
  if (!is_flat()) return coded;
  std::ranges::replace(coded, '/', '.');
  return kind_ == Kind::MaildirPlusPlus ? "." + coded : coded;
}

Result<std::string> Layout::path_of(std::string_view checked_name) const {
  if (is_flat() && checked_name.find('.') != std::string_view::npos) {
    return cannot("'.' separates levels on disk");
  }
  std::string path = to_path(is_utf8_ ? std::string(checked_name) : to_modified_utf7(checked_name));
  for (const auto level : ascii::split(path, is_flat() ? '\0' : '/')) {
    if (const auto fault = fault_of(level); !fault.empty()) return cannot(fault);
  }
  return path;
}

std::string Layout::other_path_of(std::string_view checked_name) const {
  if (is_utf8_ || to_modified_utf7(checked_name) == checked_name) return {};
  return to_path(std::string(checked_name));
}

std::string Layout::name_of(std::string_view path) const {
  std::string name(path);
  if (kind_ == Kind::MaildirPlusPlus) {
    if (!name.starts_with('.')) return {};
    name.erase(0, 1);
  }
  if (is_flat()) {
    std::ranges::replace(name, '.', '/');
  }
  if (!is_utf8_) name = from_modified_utf7(name);
  const auto checked = check_mailbox_name(name);
  if (!checked || *checked != name) return {};
  const auto usual = path_of(name);
  return usual && (*usual == path || other_path_of(name) == path) ? name : std::string{};
}

Result<std::string> resolve_below(const std::string& root, const std::string& path) {
  std::error_code error;
  const auto real_root = std::filesystem::weakly_canonical(root, error).string();
  if (error) return cannot("it leads out of the mail root");
  const std::string whole = root + "/" + path;
  const auto real = std::filesystem::weakly_canonical(parent_directory(whole), error).string();
  if (error || !(real + "/").starts_with(real_root + "/")) {
    auto refused = cannot("it leads out of the mail root");
    refused.value().log_text = log::escape(whole) + " leads out of the mail root";
    return refused;
  }
  return root + real.substr(real_root.size()) + whole.substr(whole.rfind('/'));
}

bool is_at_or_below(std::string_view name, std::string_view parent) {
  return name.starts_with(parent) &&
         (name.size() == parent.size() || name.at(parent.size()) == '/');
}

void add_parents(std::map<std::string, MailboxName>& found) {
  std::vector<std::string> names;
  names.reserve(found.size());
  for (const auto& [name, entry] : found) names.push_back(name);
  for (const auto& name : names) {
    for (auto slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      const std::string parent = name.substr(0, slash);
      if (!found.contains(parent)) found[parent] = {parent, false, true, false, true};
      found[parent].has_children = true;
    }
  }
}

}  // namespace mail::store
