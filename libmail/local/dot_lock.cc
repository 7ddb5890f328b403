#include "libmail/local/dot_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <thread>

#include "libmail/base/ascii.h"
#include "libmail/base/create_whole.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"

namespace mail::local {
namespace {

bool is_stale(const FileDescriptor& fd, std::chrono::seconds stale) {
  const auto status = sys::fstat(fd);
  const auto text = sys::pread_all(fd, 0, 32);
  if (!status || !text) return false;
  if (std::time(nullptr) - status->st_mtime > stale.count()) return true;
  // "0" is procmail's word for nothing; a process of another machine is judged by age alone.
  const auto pid = ascii::to_number<pid_t>(ascii::trim(*text));
  return pid && *pid > 0 && status->st_uid == ::geteuid() && ::kill(*pid, 0) != 0 && errno == ESRCH;
}

}  // namespace

Result<void> DotLockFile::take(const std::string& mailbox, std::chrono::milliseconds timeout,
                               std::chrono::seconds stale) {
  const std::string path = mailbox + ".lock";
  const std::string text = std::to_string(::getpid()) + "\n";
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto made = sys::create_whole(path, text, 0444);
    if (made) {
      path_ = path;
      return {};
    }
    if (made.error().code != Errc::Exists) return fail(made.error());
    const auto found = sys::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (found && is_stale(*found, stale)) {
      const auto gone = sys::unlink_if_same(*found, path);
      if (gone && *gone) log::warning("took away the stale lock " + log::escape(path));
      if (gone) continue;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Errc::InUse, "Mailbox is in use", log::escape(path) + " is held by another");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void DotLockFile::release() {
  if (path_.empty()) return;
  static_cast<void>(sys::unlink(path_));
  path_.clear();
}

}  // namespace mail::local
