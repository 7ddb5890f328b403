#include "libmail/local/branches.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/local/roots_path.h"

namespace mail::local {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr mode_t kRights = 0777;

struct Owner {
  uid_t uid;
  gid_t gid;
  mode_t mode;
};

Result<void> check(int result, const char* call, const std::string& object) {
  if (result == 0) return {};
  return fail(sys::error_from_errno(errno, call, object));
}

// Made without any right, then given away: whoever can put another directory in its place meanwhile
// (group mail, in a spool) has none to offer that is root's and closed to all.
bool is_just_made(const struct ::stat& status) {
  return status.st_uid == ::geteuid() && (status.st_mode & kRights) == 0;
}

Result<void> give(const FileDescriptor& directory, const Owner& owner, const std::string& path) {
  TRY(check(::fchown(directory.get(), owner.uid, owner.gid), "chown", path));
  return check(::fchmod(directory.get(), owner.mode), "chmod", path);
}

Result<FileDescriptor> open_level(const FileDescriptor& above, const std::string& level,
                                  const Owner& owner, const std::string& path) {
  auto directory = sys::open_at(above, level, kDirectory);
  if (!directory && directory.error().code == Errc::NotFound) {
    if (::mkdirat(above.get(), level.c_str(), 0) != 0 && errno != EEXIST) {
      return fail(sys::error_from_errno(errno, "mkdir", path));
    }
    directory = sys::open_at(above, level, kDirectory);
  }
  if (!directory) {
    return fail(Errc::Denied, "Mailbox directory cannot be opened",
                log::escape(path) + " is no directory: " + directory.error().log_text);
  }
  if (is_just_made(TRY(sys::fstat(*directory)))) {
    // Not by two monitors, for two accounts, whatever it is called meanwhile. Nobody else can open
    // it and keep us waiting.
    TRY(check(::flock(directory->get(), LOCK_EX), "flock", path));
    if (is_just_made(TRY(sys::fstat(*directory)))) TRY(give(*directory, owner, path));
    TRY(check(::flock(directory->get(), LOCK_UN), "flock", path));
    TRY(sys::fsync(above, path));
  }
  return directory;
}

Result<std::vector<std::string>> levels_of(const store::Branch& branch) {
  std::vector<std::string> levels;
  for (const auto level :
       ascii::split(std::string_view(branch.path).substr(branch.base.size()), '/')) {
    if (level == "." || level == "..") {
      return fail(Errc::Denied, "Mailbox name not allowed",
                  log::escape(branch.path) + ": a level is no directory's name");
    }
    if (!level.empty()) levels.emplace_back(level);
  }
  return levels;
}

// What lies in a directory that is not root's is not the monitor's to make, nor always to be seen.
bool is_missing_below_roots(const store::Branch& branch) {
  const auto levels = levels_of(branch);
  if (!levels) return false;
  std::string path = branch.base;
  for (const std::string& level : *levels) {
    path += '/' + level;
    const auto status = sys::lstat(path);
    if (!status) return status.error().code == Errc::NotFound;
    if (status->st_uid != 0) return false;
  }
  return false;
}

}  // namespace

bool needs_monitor(const std::vector<store::Branch>& branches) {
  return std::ranges::any_of(branches, [](const store::Branch& branch) {
    return is_missing_below_roots(branch) && is_roots_path(branch.base + "/x");
  });
}

Result<FileDescriptor> make_branch(const store::Branch& branch, const auth::Identity& identity) {
  const auto levels = TRY(levels_of(branch));
  if (::geteuid() != 0) {  // one user only: everything is his
    if (!sys::exists(branch.path) && store::is_own_branch(branch)) {
      TRY(sys::make_directories(branch.path, 0700));
    }
    return FileDescriptor{};
  }
  if (!is_roots_path(branch.base + "/x")) return FileDescriptor{};
  auto directory = TRY(sys::open(branch.base, O_RDONLY | O_DIRECTORY));
  std::string path = branch.base;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool is_users = !branch.is_spool && i + 1 == levels.size();
    const Owner owner =
        is_users ? Owner{identity.uid, identity.gid, 0700} : Owner{::geteuid(), ::getegid(), 0755};
    path += '/' + levels.at(i);
    directory = TRY(open_level(directory, levels.at(i), owner, path));
    const auto status = TRY(sys::fstat(directory));
    if (status.st_uid == ::geteuid()) continue;
    if (status.st_uid == identity.uid) return FileDescriptor{};
    return fail(Errc::Denied, "Mailbox directory is another's",
                log::escape(path) + " is neither root's nor " + log::escape(identity.user) + "'s");
  }
  return directory;
}

}  // namespace mail::local
