// The locks of an mbox that other programs know: fcntl (an OFD lock), flock, and NAME.lock, in the
// order that the site has configured (settings.h). Our own processes go by the OFD lock.
//
// NAME.lock holds "PID:HOST", as Dovecot's does. One whose process is gone from this machine, or
// that has not changed for dotlock_change_timeout while the mailbox did not either, is taken away.
#pragma once

#include <string>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/base/sys.h"
#include "libmail/store/settings.h"

namespace mail::store::mbox {

class FileLock {
 public:
  explicit FileLock(const Settings& settings) : settings_(settings) {}
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { remove_dotlock(); }

  // All of them or none; `fd` is `path`, opened. InUse after the time-out, Denied and NoSpace where
  // a dotlock that has to be cannot be made.
  Result<void> take(const FileDescriptor& fd, const std::string& path, sys::Lock kind);
  void release(const FileDescriptor& fd);

 private:
  Result<void> take_all(const std::vector<MboxLocks::Method>& methods, const FileDescriptor& fd,
                        const std::string& path, sys::Lock kind, std::chrono::milliseconds wait);
  Result<void> take_one(MboxLocks::Method method, const FileDescriptor& fd, const std::string& path,
                        sys::Lock kind, std::chrono::milliseconds wait);
  Result<void> make_dotlock(const std::string& path, bool must, std::chrono::milliseconds wait);
  void remove_dotlock();
  [[nodiscard]] std::chrono::milliseconds timeout() const;

  const Settings& settings_;
  std::string dotlock_;  // its path while we hold it
  bool has_flock_ = false;
};

}  // namespace mail::store::mbox
