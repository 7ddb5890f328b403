#include "libmail/store/mbox/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <thread>

#include "libmail/base/ascii.h"
#include "libmail/base/create_whole.h"
#include "libmail/base/faults.h"
#include "libmail/base/log.h"
#include "libmail/store/state_log.h"

namespace mail::store::mbox {
namespace {

using Method = MboxLocks::Method;
constexpr auto kFirstPause = std::chrono::milliseconds(2);
constexpr auto kPatience = std::chrono::milliseconds(200);  // with one lock held, for the next
constexpr auto kLongestPause = std::chrono::milliseconds(100);

// Calls `once` until it has something to say, or the time is over.
template <class Once>
Result<void> poll(std::chrono::milliseconds timeout, const std::string& held, Once once) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    if (TRY(once())) return {};
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Errc::InUse, "Mailbox is in use", log::escape(held) + " is held by another");
    }
    std::this_thread::sleep_for(pause);
  }
}

Result<void> take_flock(const FileDescriptor& fd, sys::Lock kind, std::chrono::milliseconds timeout,
                        const std::string& path) {
  const int operation = (kind == sys::Lock::Shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  return poll(timeout, "flock of " + path, [&]() -> Result<bool> {
    const auto decision = faults::point("flock");
    if (decision.action == faults::Action::Errno) {
      return fail(sys::error_from_errno(decision.error_number, "flock", path));
    }
    const bool has = ::flock(fd.get(), operation) == 0;
    const int error = errno;
    faults::after(decision);
    if (has) return true;
    if (error == EWOULDBLOCK || error == EINTR) return false;
    return fail(sys::error_from_errno(error, "flock", path));
  });
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

// "PID:HOST" of this machine, and no such process. "0" is procmail's word for nothing. Looked up in
// /proc, as a session may send no signals; who is hidden there is another user's.
bool is_of_the_dead(std::string_view text, uid_t owner) {
  const auto colon = text.find(':');
  if (owner != ::geteuid() || colon == std::string_view::npos ||
      ascii::trim(text.substr(colon + 1)) != host_name()) {
    return false;
  }
  const auto pid = ascii::to_number<pid_t>(ascii::trim(text.substr(0, colon)));
  if (!pid || *pid <= 0 || !sys::exists("/proc/self")) return false;
  const auto process = sys::stat("/proc/" + std::to_string(*pid));
  return !process && process.error().code == Errc::NotFound;
}

bool is_stale(const Result<FileDescriptor>& fd, const std::string& lock, const std::string& mailbox,
              std::chrono::seconds change) {
  const auto held = fd ? sys::fstat(*fd) : sys::lstat(lock);
  if (!held) return false;
  if (fd) {
    const auto text = sys::pread_all(*fd, 0, 300);
    if (text && is_of_the_dead(*text, held->st_uid)) return true;
  }
  const auto status = sys::stat(mailbox);
  const auto changed = std::max(held->st_mtime, status ? status->st_mtime : 0);
  return std::time(nullptr) - changed > change.count();
}

// Whoever has found the same one stale may have taken it away and made its own meanwhile. One that
// we may not read is moved first, and put back if it is another.
Result<void> take_away(const Result<FileDescriptor>& fd, const std::string& lock) {
  if (fd) {
    TRY(sys::unlink_if_same(*fd, lock));
    return {};
  }
  const auto before = sys::lstat(lock);
  const std::string aside = lock + "." + std::to_string(::getpid());
  if (!before) return {};
  TRY(sys::rename(lock, aside));
  const auto taken = sys::lstat(aside);
  if (taken && taken->st_ino != before->st_ino) static_cast<void>(sys::link(aside, lock));
  static_cast<void>(sys::unlink(aside));
  return {};
}

}  // namespace

std::chrono::milliseconds FileLock::timeout() const {
  return settings_.mbox_locks.timeout.value_or(settings_.lock_timeout);
}

Result<void> FileLock::make_dotlock(const std::string& path, bool must,
                                    std::chrono::milliseconds wait) {
  const std::string lock = path + ".lock";
  const std::string text = std::to_string(::getpid()) + ":" + host_name();
  return poll(wait, lock, [&]() -> Result<bool> {
    auto made = sys::create_whole(lock, text, 0644);
    if (made) {
      dotlock_ = lock;
      return true;
    }
    const Errc why = made.error().code;
    if (why == Errc::Exists) {
      const auto fd = sys::open(lock, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      if (is_stale(fd, lock, path, settings_.mbox_locks.dotlock_change_timeout)) {
        const auto gone = take_away(fd, lock);
        if (gone) log::warning("took away the stale lock " + log::escape(lock));
        if (!must && !gone && gone.error().code == Errc::Denied) return true;
      }
      return false;
    }
    const bool is_excused = why == Errc::Denied || why == Errc::NoSpace || why == Errc::OverQuota;
    if (!must && is_excused) return true;
    auto error = std::move(made).error();
    error.public_text = "Mailbox cannot be locked";
    error.log_text =
        log::escape(lock) + " cannot be made (dotlock_try would go on without): " + error.log_text;
    return fail(std::move(error));
  });
}

void FileLock::remove_dotlock() {
  if (dotlock_.empty()) return;
  if (auto removed = sys::unlink(dotlock_); !removed) log::warning(removed.error().log_text);
  dotlock_.clear();
}

Result<void> FileLock::take_one(Method method, const FileDescriptor& fd, const std::string& path,
                                sys::Lock kind, std::chrono::milliseconds wait) {
  switch (method) {
    case Method::Fcntl:
      return sys::lock(fd, kind, wait, path);
    case Method::Flock:
      TRY(take_flock(fd, kind, wait, path));
      has_flock_ = true;
      return {};
    case Method::Dotlock:
    case Method::DotlockTry:
      return dotlock_.empty() ? make_dotlock(path, method == Method::Dotlock, wait)
                              : Result<void>{};
  }
  return {};
}

Result<void> FileLock::take_all(const std::vector<Method>& methods, const FileDescriptor& fd,
                                const std::string& path, sys::Lock kind,
                                std::chrono::milliseconds wait) {
  for (const Method method : methods) {
    if (auto taken = take_one(method, fd, path, kind, wait); !taken) {
      release(fd);
      return taken;
    }
    wait = std::min(wait, kPatience);
  }
  return {};
}

// Who takes them in another order (a delivery into a spool has its lock file first) may hold what
// we wait for, and wait for what we hold: the first is given back for a while when the next is not
// had.
Result<void> FileLock::take(const FileDescriptor& fd, const std::string& path, sys::Lock kind) {
  auto methods = kind == sys::Lock::Shared ? settings_.mbox_locks.read : settings_.mbox_locks.write;
  if (std::find(methods.begin(), methods.end(), Method::Fcntl) == methods.end()) {
    methods.push_back(Method::Fcntl);
  }
  const auto deadline = std::chrono::steady_clock::now() + timeout();
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    auto taken = take_all(methods, fd, path, kind, std::max(left, std::chrono::milliseconds{0}));
    if (taken || taken.error().code != Errc::InUse || methods.size() == 1 || left <= kPatience) {
      return taken;
    }
    std::this_thread::sleep_for(kLongestPause);
  }
}

void FileLock::release(const FileDescriptor& fd) {
  if (fd.is_open()) {
    release_lock(fd);
    if (has_flock_) static_cast<void>(::flock(fd.get(), LOCK_UN));
  }
  has_flock_ = false;
  remove_dotlock();
}

}  // namespace mail::store::mbox
