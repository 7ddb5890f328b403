// System calls, wrapped once: EINTR repeated, O_CLOEXEC set, errno into an Error whose log_text
// names operation and object. Everything durable goes through here, because these are also the
// fault-injection points (TUBEPOST_FAULTS builds): each call can be made to fail, to write short,
// or to kill the process before or after it (faults.h).
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::sys {

// errno value -> Errc and text. ENOSPC, EFBIG -> NoSpace; EDQUOT -> OverQuota; ENOENT -> NotFound;
// EEXIST -> Exists; EACCES, EPERM, EROFS -> Denied (status 4.3.0: a permission may be mended);
// EAGAIN -> InUse; EPIPE, ECONNRESET -> Closed; ETIMEDOUT -> Timeout.
Error error_from_errno(int error_number, std::string_view operation, std::string_view object);

Result<FileDescriptor> open(const std::string& path, int flags, mode_t mode = 0600);
Result<FileDescriptor> open_at(const FileDescriptor& dir, const std::string& name, int flags,
                               mode_t mode = 0600);
// The same file, opened anew for reading only: for processes that must not write into it.
Result<FileDescriptor> open_for_reading(const FileDescriptor& fd);
Result<FileDescriptor> duplicate(const FileDescriptor& fd);

Result<std::size_t> read(const FileDescriptor& fd, std::span<char> into);  // 0: end of file
Result<std::size_t> pread(const FileDescriptor& fd, std::span<char> into, std::uint64_t offset);
Result<std::size_t> write(const FileDescriptor& fd, std::string_view octets);  // may be short
Result<void> write_all(const FileDescriptor& fd, std::string_view octets);
Result<void> pwrite_all(const FileDescriptor& fd, std::string_view octets, std::uint64_t offset);
Result<std::string> pread_all(const FileDescriptor& fd, std::uint64_t offset, std::size_t length);
Result<void> truncate(const FileDescriptor& fd, std::uint64_t length);

Result<void> fsync(const FileDescriptor& fd, std::string_view object);
Result<void> fdatasync(const FileDescriptor& fd, std::string_view object);
Result<void> fsync_directory(const std::string& path);
Result<void> close(FileDescriptor fd, std::string_view object);  // reports what close() says

Result<void> rename(const std::string& from, const std::string& to);
Result<void> link(const std::string& from, const std::string& to);
Result<void> link_open_file(const FileDescriptor& tmpfile, const std::string& to);  // O_TMPFILE
Result<void> unlink(const std::string& path);
Result<void> mkdir(const std::string& path, mode_t mode);
Result<void> make_directories(const std::string& path, mode_t mode);  // as mkdir -p
Result<struct ::stat> stat(const std::string& path);
Result<struct ::stat> lstat(const std::string& path);
Result<struct ::stat> fstat(const FileDescriptor& fd);
bool exists(const std::string& path);

// What a directory has but "." and "..", in no order.
struct Directory {
  enum class Type : std::uint8_t { Unknown, Regular, Other };  // Unknown: the file system says none
  struct Entry {
    std::string_view name;  // lies in `blocks`
    Type type = Type::Unknown;
  };
  std::vector<Entry> entries;
  std::vector<std::unique_ptr<char[]>> blocks;  // as the kernel gave them
};
Result<Directory> read_directory(const std::string& path);
// Its names only.
Result<std::vector<std::string>> list_directory(const std::string& path);
// A whole small file; TooLarge beyond `limit` octets.
Result<std::string> read_file(const std::string& path, std::size_t limit = 16U << 20U);
// Complete or not at all: temporary name beside it, fsync, rename, fsync of the directory.
Result<void> replace_file(const std::string& path, std::string_view octets, mode_t mode);

// OFD lock of the whole file (conflicts with other programs' fcntl and lockf). There is no EDEADLK,
// so F_OFD_SETLK is polled until the time-out; Error InUse then. Released when every duplicate of
// the descriptor is closed, or by unlock().
enum class Lock { Shared, Exclusive };
Result<void> lock(const FileDescriptor& fd, Lock kind, std::chrono::milliseconds timeout,
                  std::string_view object);
Result<void> unlock(const FileDescriptor& fd);
// The same for `length` octets from `start`.
Result<void> lock_range(const FileDescriptor& fd, Lock kind, std::uint64_t start,
                        std::uint64_t length, std::chrono::milliseconds timeout,
                        std::string_view object);
Result<void> unlock_range(const FileDescriptor& fd, std::uint64_t start, std::uint64_t length);

// From the kernel's generator.
Result<std::string> random_octets(std::size_t count);

}  // namespace mail::sys
