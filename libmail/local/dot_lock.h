// DotLockFile: NAME.lock beside a mailbox in a spool, as procmail, mutt and liblockfile make it.
// The monitor holds it for a delivery; the OFD lock that the store takes stands beside it.
//
// The file holds our process id. One whose process is gone, or that is older than `stale`, is taken
// away (docs/local-delivery.md).
#pragma once

#include <chrono>
#include <string>

#include "libmail/base/result.h"

namespace mail::local {

class DotLockFile {
 public:
  DotLockFile() = default;
  DotLockFile(const DotLockFile&) = delete;
  DotLockFile& operator=(const DotLockFile&) = delete;
  ~DotLockFile() { release(); }

  // InUse after `timeout`; Denied where the directory does not let us.
  Result<void> take(const std::string& mailbox, std::chrono::milliseconds timeout,
                    std::chrono::seconds stale);
  void release();
  [[nodiscard]] bool is_held() const { return !path_.empty(); }

 private:
  std::string path_;
};

}  // namespace mail::local
