// dovecot-uidlist, version 3: the UIDs a running Dovecot sees. Written under dovecot-uidlist.lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/types.h"

namespace mail::store::maildir {

struct Extras {           // fields between UID and name that mean something to us
  std::string guid;       // G
  std::string pop3_uidl;  // P: pop3_save_uidl, or a migration
};

struct UidList {
  std::uint32_t uid_validity = 0;  // 0: there is none, or it cannot be read
  std::uint32_t uid_next = 1;
  std::map<std::string, std::uint32_t> uids;  // by base name
  std::map<std::string, Extras> extras;       // likewise, of those that have any
};

Result<UidList> read_uid_list(const std::string& path);

// Held until destroyed. Under the state log's lock, so a lock file with our mark is left over from
// a process of ours that was killed; another's is waited for, and broken when it is 2 minutes old.
class UidListLock {
 public:
  static Result<UidListLock> take(const std::string& path, std::chrono::milliseconds timeout);
  UidListLock(UidListLock&& other) noexcept : lock_path_(std::move(other.lock_path_)) {
    other.lock_path_.clear();
  }
  UidListLock& operator=(UidListLock&&) = delete;
  UidListLock(const UidListLock&) = delete;
  UidListLock& operator=(const UidListLock&) = delete;
  ~UidListLock();

 private:
  explicit UidListLock(std::string lock_path) : lock_path_(std::move(lock_path)) {}
  std::string lock_path_;
};

// Adds lines, or writes the file anew from `all` if it is missing or damaged; what `before` says of
// GUIDs and unique-ids is kept.
Result<void> write_uid_list(const std::string& path, UidValidity uid_validity, Uid uid_next,
                            const std::vector<std::pair<Uid, std::string>>& added,
                            const std::function<std::vector<std::pair<Uid, std::string>>()>& all,
                            const UidList& before);

}  // namespace mail::store::maildir
