// dovecot-uidlist, version 3: the UIDs a running Dovecot sees. Written under dovecot-uidlist.lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/types.h"

namespace mail::store::maildir {

struct Listed {
  std::uint32_t uid = 0;
  std::string_view base;    // name of the file up to its flags
  std::string_view fields;  // between UID and name, a letter and its value each

  [[nodiscard]] std::string_view guid() const { return field('G'); }
  [[nodiscard]] std::string_view pop3_uidl() const { return field('P'); }  // pop3_save_uidl

 private:
  [[nodiscard]] std::string_view field(char letter) const;
};

class UidList {
 public:
  UidList() = default;
  explicit UidList(std::string text);  // the file's

  std::uint32_t uid_validity = 0;  // 0: there is none, or it cannot be read
  std::uint32_t uid_next = 1;
  // As they stand there; the last one of a name only.
  [[nodiscard]] const std::vector<Listed>& entries() const { return entries_; }
  // Null: not there. Fastest in the order of entries().
  const Listed* find(std::string_view base);

 private:
  void sort();
  struct Hashed {
    std::uint64_t hash;
    std::size_t index;
  };
  std::unique_ptr<const std::string> text_;
  std::vector<Listed> entries_;
  std::vector<Hashed> by_hash_;
  std::size_t next_ = 0;  // behind the one found last
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

struct Given {
  Uid uid;
  std::string_view base;
};

// Adds lines. False: it is missing or damaged, and is to be written anew. What `before` says of
// GUIDs and unique-ids is kept.
Result<bool> add_to_uid_list(const std::string& path, UidValidity uid_validity,
                             std::span<const Given> added, UidList& before);
Result<void> write_uid_list(const std::string& path, UidValidity uid_validity, Uid uid_next,
                            std::span<const Given> all, UidList& before);

}  // namespace mail::store::maildir
