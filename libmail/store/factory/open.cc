#include "libmail/store/factory/open.h"

#include <sys/stat.h>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/maildir/mail_store.h"
#include "libmail/store/mbox/mail_store.h"

namespace mail::store {
namespace {

Result<Location> location_of(const Settings& settings, const auth::Identity& identity) {
  const User user{identity.user, identity.home, identity.uid};
  Location location = TRY(locate_mail(settings, user, identity.mail_location))
  .location;
  const auto root = sys::stat(location.root);
  if (root && !S_ISDIR(root->st_mode)) {
    return fail(Errc::Config, "mail_location: the mail root is a file",
                log::escape(location.root) +
                    " is no directory; write mbox:~/mail:INBOX=" + log::escape(location.root));
  }
  return location;
}

// A spool mailbox's state lies where a monitor has made room for it, so that accounts without a
// usable home get mail too (DESIGN.md section 5). Only a directory that is the user's will do.
std::string spool_state(const Settings& settings, const auth::Identity& identity,
                        const Location& location) {
  if (!location.control.empty() || location.inbox.starts_with(location.root + "/")) return {};
  std::string path = settings.state_directory + "/state/" + std::to_string(identity.uid);
  const auto status = sys::lstat(path);
  if (!status || !S_ISDIR(status->st_mode) || status->st_uid != identity.uid) return {};
  return path;
}

std::unique_ptr<mbox::MboxMailStore> open_mbox(const Settings& settings,
                                               const auth::Identity& identity,
                                               const Location& location) {
  return std::make_unique<mbox::MboxMailStore>(location, spool_state(settings, identity, location),
                                               settings);
}

}  // namespace

Result<std::unique_ptr<MailStore>> open_mail_store(const Settings& settings,
                                                   const auth::Identity& identity) {
  const Location location = TRY(location_of(settings, identity));
  if (location.format == Format::Maildir) {
    return std::make_unique<maildir::MaildirMailStore>(location, settings);
  }
  return open_mbox(settings, identity, location);
}

Result<std::vector<std::string>> mail_directories(const Settings& settings,
                                                  const auth::Identity& identity) {
  const Location location = TRY(location_of(settings, identity));
  std::vector<std::string> directories{location.root, location.index, location.control,
                                       spool_state(settings, identity, location)};
  directories.push_back(location.format == Format::Mbox
                            ? location.inbox.substr(0, location.inbox.rfind('/') + 1)
                            : location.inbox);
  std::erase_if(directories,
                [](const std::string& path) { return path.empty() || path == "MEMORY"; });
  for (const auto& path : directories) {
    // Not outside the home: there it may be a disk that is not mounted. Where one cannot be made,
    // the mailbox says so when it is used.
    const bool is_own = path.starts_with(identity.home + "/");
    if (is_own && !sys::exists(path)) static_cast<void>(sys::make_directories(path, 0700));
  }
  for (const auto& branch : location.branches) {
    if (sys::exists(branch.path) || !is_own_branch(branch)) continue;
    static_cast<void>(sys::make_directories(branch.path, 0700));
  }
  const auto names = sys::list_directory(location.root);
  if (!names) return directories;
  for (const auto& name : *names) {
    const std::string path = location.root + '/' + name;
    const auto status = sys::lstat(path);
    if (status && S_ISLNK(status->st_mode)) directories.push_back(path);
  }
  return directories;
}

Result<std::unique_ptr<Mailbox>> open_mailbox_file(const Settings& settings,
                                                   const auth::Identity& identity,
                                                   const std::string& path) {
  const Location location = TRY(location_of(settings, identity));
  const auto status = TRY(sys::stat(path));
  if (S_ISDIR(status.st_mode)) {
    if (!sys::exists(path + "/cur") || !sys::exists(path + "/new")) {
      return fail(Errc::Unsupported, EnhancedStatus{5, 3, 5}, "Not a mailbox",
                  path + " is neither an mbox nor a Maildir");
    }
    Location here = location;
    if (location.format != Format::Maildir || location.root != path) {
      here = {Format::Maildir, path, path, {}, {}, "Maildir++"};
    }
    return maildir::MaildirMailStore(here, settings).open("INBOX");
  }
  Location mboxes = location;
  if (location.format != Format::Mbox) {
    mboxes = {Format::Mbox, identity.home + "/mail", path, {}, {}, "fs"};
  }
  return open_mbox(settings, identity, mboxes)->open_file(path);
}

}  // namespace mail::store
