#include "libmail/base/sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "libmail/base/faults.h"
#include "libmail/base/log.h"

namespace mail::sys {
namespace {

constexpr std::size_t kFirstRead = 64UL * 1024;  // octets; pread_all

// Runs a system call under the fault plan: `call` returns its result or -1 with errno.
template <class Call>
auto invoke(std::string_view name, Call call) -> decltype(call()) {
  const faults::Decision decision = faults::point(name);
  if (decision.action == faults::Action::Errno) {
    errno = decision.error_number;
    return -1;
  }
  decltype(call()) result = -1;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  const int saved = errno;
  faults::after(decision);
  errno = saved;
  return result;
}

// As invoke() for a call that writes `octets`: can be made to do half.
template <class Call>
ssize_t invoke_write(std::string_view name, std::string_view octets, Call call) {
#ifdef TUBEPOST_FAULTS
  const faults::Decision decision = faults::point(name);
  if (decision.action == faults::Action::Errno) {
    errno = decision.error_number;
    return -1;
  }
  const bool half =
      decision.action == faults::Action::Short || decision.action == faults::Action::Torn;
  const std::string_view part = half ? octets.substr(0, (octets.size() + 1) / 2) : octets;
#else
  const std::string_view part = octets;
  static_cast<void>(name);
#endif
  ssize_t result = -1;
  do {
    result = call(part);
  } while (result == -1 && errno == EINTR);
#ifdef TUBEPOST_FAULTS
  const int saved = errno;
  if (decision.action == faults::Action::Torn) faults::kill_now();
  faults::after(decision);
  errno = saved;
#endif
  return result;
}

tl::unexpected<Error> fail_errno(std::string_view operation, std::string_view object) {
  return fail(error_from_errno(errno, operation, object));
}

std::string describe(const FileDescriptor& fd) { return "descriptor " + std::to_string(fd.get()); }

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Error error_from_errno(int error_number, std::string_view operation, std::string_view object) {
  struct Row {
    int error_number;
    Errc code;
    const char* text;
  };
  static constexpr Row kRows[] = {
      {ENOSPC, Errc::NoSpace, "Insufficient system storage"},
      {EFBIG, Errc::NoSpace, "Insufficient system storage"},
      {EDQUOT, Errc::OverQuota, "Mailbox full"},
      {ENOENT, Errc::NotFound, "Not found"},
      {ENOTDIR, Errc::NotFound, "Not found"},
      {EEXIST, Errc::Exists, "Already exists"},
      {EACCES, Errc::Denied, "Permission denied"},
      {EPERM, Errc::Denied, "Permission denied"},
      {EROFS, Errc::Denied, "Permission denied"},
      {ELOOP, Errc::Loop, "Too many links"},
      {EAGAIN, Errc::InUse, "Temporarily in use"},
      {EPIPE, Errc::Closed, "Connection closed"},
      {ECONNRESET, Errc::Closed, "Connection closed"},
      {ETIMEDOUT, Errc::Timeout, "Timed out"},
      {ECONNREFUSED, Errc::Unavailable, "Service unavailable"},
  };
  Errc code = Errc::Io;
  std::string text = "Temporary system problem";
  for (const auto& row : kRows) {
    if (row.error_number == error_number) {
      code = row.code;
      text = row.text;
    }
  }
  // Whatever the kernel refuses may be mended by the operator: a file's errors never bounce mail.
  EnhancedStatus status = default_status(code);
  if (status.cls == 5) status = {4, 3, 0};
  return make_error(code, status, text,
                    std::string(operation) + " " + log::escape(object) + ": " +
                        std::strerror(error_number));  // NOLINT(concurrency-mt-unsafe)
}

Result<FileDescriptor> open(const std::string& path, int flags, mode_t mode) {
  const int fd = invoke("open", [&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return fail_errno("open", path);
  return FileDescriptor(fd);
}

Result<FileDescriptor> open_at(const FileDescriptor& dir, const std::string& name, int flags,
                               mode_t mode) {
  const int fd =
      invoke("open", [&] { return ::openat(dir.get(), name.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return fail_errno("open", name);
  return FileDescriptor(fd);
}

Result<FileDescriptor> open_for_reading(const FileDescriptor& fd) {
  return open("/proc/self/fd/" + std::to_string(fd.get()), O_RDONLY);
}

Result<FileDescriptor> duplicate(const FileDescriptor& fd) {
  const int copy = invoke("dup", [&] { return ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3); });
  if (copy < 0) return fail_errno("dup", describe(fd));
  return FileDescriptor(copy);
}

Result<std::size_t> read(const FileDescriptor& fd, std::span<char> into) {
  const ssize_t got = invoke("read", [&] { return ::read(fd.get(), into.data(), into.size()); });
  if (got < 0) return fail_errno("read", describe(fd));
  return static_cast<std::size_t>(got);
}

Result<std::size_t> pread(const FileDescriptor& fd, std::span<char> into, std::uint64_t offset) {
  const ssize_t got = invoke("read", [&] {
    return ::pread(fd.get(), into.data(), into.size(), static_cast<off_t>(offset));
  });
  if (got < 0) return fail_errno("pread", describe(fd));
  return static_cast<std::size_t>(got);
}

Result<std::size_t> write(const FileDescriptor& fd, std::string_view octets) {
  const ssize_t put = invoke_write("write", octets, [&](std::string_view part) {
    return ::write(fd.get(), part.data(), part.size());
  });
  if (put < 0) return fail_errno("write", describe(fd));
  return static_cast<std::size_t>(put);
}

Result<void> write_all(const FileDescriptor& fd, std::string_view octets) {
  while (!octets.empty()) octets.remove_prefix(TRY(write(fd, octets)));
  return {};
}

Result<void> pwrite_all(const FileDescriptor& fd, std::string_view octets, std::uint64_t offset) {
  while (!octets.empty()) {
    const ssize_t put = invoke_write("write", octets, [&](std::string_view part) {
      return ::pwrite(fd.get(), part.data(), part.size(), static_cast<off_t>(offset));
    });
    if (put < 0) return fail_errno("pwrite", describe(fd));
    octets.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Result<std::string> pread_all(const FileDescriptor& fd, std::uint64_t offset, std::size_t length) {
  // Callers give their limit as the length: no memory is touched that the file does not fill.
  std::string out;
  std::size_t have = 0;
  while (have < length) {
    out.resize(std::min(length, std::max<std::size_t>(have * 2, kFirstRead)));
    const std::size_t got = TRY(pread(fd, std::span(out).subspan(have), offset + have));
    if (got == 0) break;
    have += got;
  }
  out.resize(have);
  return out;
}

Result<void> truncate(const FileDescriptor& fd, std::uint64_t length) {
  if (invoke("truncate", [&] { return ::ftruncate(fd.get(), static_cast<off_t>(length)); }) != 0) {
    return fail_errno("truncate", describe(fd));
  }
  return {};
}

Result<void> fsync(const FileDescriptor& fd, std::string_view object) {
  if (invoke("fsync", [&] { return ::fsync(fd.get()); }) != 0) return fail_errno("fsync", object);
  return {};
}

Result<void> fdatasync(const FileDescriptor& fd, std::string_view object) {
  if (invoke("fsync", [&] { return ::fdatasync(fd.get()); }) != 0) {
    return fail_errno("fdatasync", object);
  }
  return {};
}

Result<void> fsync_directory(const std::string& path) {
  const auto dir = TRY(open(path, O_RDONLY | O_DIRECTORY));
  return fsync(dir, path);
}

Result<void> close(FileDescriptor fd, std::string_view object) {
  // Not repeated on EINTR: Linux has closed the descriptor by then.
  const int raw = fd.release();
  if (raw >= 0 && ::close(raw) != 0 && errno != EINTR) return fail_errno("close", object);
  return {};
}

Result<void> rename(const std::string& from, const std::string& to) {
  if (invoke("rename", [&] { return ::rename(from.c_str(), to.c_str()); }) != 0) {
    return fail_errno("rename", from + " to " + to);
  }
  return {};
}

Result<void> link(const std::string& from, const std::string& to) {
  if (invoke("link", [&] { return ::link(from.c_str(), to.c_str()); }) != 0) {
    return fail_errno("link", from + " to " + to);
  }
  return {};
}

Result<void> link_open_file(const FileDescriptor& tmpfile, const std::string& to) {
  const std::string from = "/proc/self/fd/" + std::to_string(tmpfile.get());
  if (invoke("link", [&] {
        return ::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW);
      }) != 0) {
    return fail_errno("link", "temporary file to " + to);
  }
  return {};
}

Result<void> unlink(const std::string& path) {
  if (invoke("unlink", [&] { return ::unlink(path.c_str()); }) != 0) {
    return fail_errno("unlink", path);
  }
  return {};
}

Result<void> mkdir(const std::string& path, mode_t mode) {
  if (invoke("mkdir", [&] { return ::mkdir(path.c_str(), mode); }) != 0) {
    return fail_errno("mkdir", path);
  }
  return {};
}

Result<void> make_directories(const std::string& path, mode_t mode) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (auto made = mkdir(part, mode); !made && made.error().code != Errc::Exists) {
      // A directory above may exist and yet answer EACCES or EROFS to mkdir.
      if (!exists(part)) return made;
    }
    if (slash == std::string::npos) break;
  }
  return {};
}

Result<struct ::stat> stat(const std::string& path) {
  struct ::stat status {};
  if (invoke("stat", [&] { return ::stat(path.c_str(), &status); }) != 0) {
    return fail_errno("stat", path);
  }
  return status;
}

Result<struct ::stat> lstat(const std::string& path) {
  struct ::stat status {};
  if (invoke("stat", [&] { return ::lstat(path.c_str(), &status); }) != 0) {
    return fail_errno("lstat", path);
  }
  return status;
}

Result<struct ::stat> fstat(const FileDescriptor& fd) {
  struct ::stat status {};
  if (invoke("stat", [&] { return ::fstat(fd.get(), &status); }) != 0) {
    return fail_errno("fstat", describe(fd));
  }
  return status;
}

bool exists(const std::string& path) {
  struct ::stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

namespace {

// The names of one block of directory entries (getdents64(2)).
void add_entries(std::string_view block, std::vector<Directory::Entry>& entries) {
  constexpr std::size_t kName = offsetof(struct ::dirent64, d_name);
  while (block.size() > kName) {
    std::uint16_t octets = 0;
    std::memcpy(&octets, block.substr(offsetof(struct ::dirent64, d_reclen)).data(), sizeof octets);
    const auto type = static_cast<unsigned char>(block.at(offsetof(struct ::dirent64, d_type)));
    std::string_view name = block.substr(kName, octets - kName);
    name = name.substr(0, name.find('\0'));
    block.remove_prefix(octets);
    if (name == "." || name == "..") continue;
    const auto known = type == DT_REG ? Directory::Type::Regular : Directory::Type::Other;
    entries.push_back({name, type == DT_UNKNOWN ? Directory::Type::Unknown : known});
  }
}

}  // namespace

Result<Directory> read_directory(const std::string& path) {
  const FileDescriptor fd{invoke("opendir", [&] {
    return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
  })};
  if (!fd.is_open()) return fail_errno("opendir", path);
  Directory directory;
  std::size_t octets = 16UL * 1024;  // of a block
  for (std::span<char> free;;) {
    if (free.size() < octets / 2) {
      directory.blocks.push_back(std::make_unique_for_overwrite<char[]>(octets));
      free = {directory.blocks.back().get(), octets};
    }
    const ssize_t got =
        invoke("getdents", [&] { return ::getdents64(fd.get(), free.data(), free.size()); });
    if (got < 0 && errno == ENOENT) return directory;  // removed while it is read
    if (got < 0) return fail_errno("getdents", path);
    if (got == 0) return directory;
    const auto filled = free.first(static_cast<std::size_t>(got));
    add_entries({filled.data(), filled.size()}, directory.entries);
    free = free.subspan(filled.size());
    octets = 256UL * 1024;
  }
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  const Directory directory = TRY(read_directory(path));
  std::vector<std::string> names;
  names.reserve(directory.entries.size());
  for (const auto& entry : directory.entries) names.emplace_back(entry.name);
  return names;
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const auto fd = TRY(open(path, O_RDONLY));
  // The size is a hint only: files of /proc say 0, others grow meanwhile. One octet to spare lets
  // the second read meet the end without growing the string.
  constexpr std::size_t kChunk = 4U << 10U;
  const auto status = TRY(fstat(fd));
  std::string out(std::min(static_cast<std::size_t>(status.st_size), limit) + 1, '\0');
  std::size_t have = 0;
  for (;;) {
    if (have == out.size()) out.resize(have + std::max(kChunk, have));
    auto got = read(fd, std::span(out).subspan(have));
    if (!got) return fail(error_from_errno(errno, "read", path));
    have += *got;
    if (have > limit) return fail(Errc::TooLarge, "File too large", path + " is too large");
    if (*got == 0) break;
  }
  out.resize(have);
  return out;
}

Result<void> replace_file(const std::string& path, std::string_view octets, mode_t mode) {
  const std::string temporary = path + ".tmp" + std::to_string(::getpid());
  auto written = [&]() -> Result<void> {
    auto opened = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (!opened && opened.error().code == Errc::Exists) {
      // Left over from a process of the same number that was killed.
      TRY(unlink(temporary));
      opened = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    }
    if (!opened) return fail(opened.error());
    auto fd = std::move(*opened);
    TRY(write_all(fd, octets));
    TRY(fsync(fd, temporary));
    TRY(close(std::move(fd), temporary));
    TRY(rename(temporary, path));
    return fsync_directory(directory_of(path));
  }();
  if (!written) static_cast<void>(unlink(temporary));
  return written;
}

Result<void> lock_range(const FileDescriptor& fd, Lock kind, std::uint64_t start,
                        std::uint64_t length, std::chrono::milliseconds timeout,
                        std::string_view object) {
  struct ::flock request {};
  request.l_type = kind == Lock::Shared ? F_RDLCK : F_WRLCK;
  request.l_whence = SEEK_SET;
  request.l_start = static_cast<::off_t>(start);
  request.l_len = static_cast<::off_t>(length);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  auto pause = std::chrono::milliseconds(1);
  for (;;) {
    if (invoke("lock", [&] { return ::fcntl(fd.get(), F_OFD_SETLK, &request); }) == 0) return {};
    if (errno != EAGAIN && errno != EACCES) return fail_errno("lock", object);
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Errc::InUse, "Mailbox is in use",
                  "lock " + log::escape(object) + ": held by another process");
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(50));
  }
}

Result<void> unlock_range(const FileDescriptor& fd, std::uint64_t start, std::uint64_t length) {
  struct ::flock request {};
  request.l_type = F_UNLCK;
  request.l_whence = SEEK_SET;
  request.l_start = static_cast<::off_t>(start);
  request.l_len = static_cast<::off_t>(length);
  if (invoke("lock", [&] { return ::fcntl(fd.get(), F_OFD_SETLK, &request); }) != 0) {
    return fail_errno("unlock", describe(fd));
  }
  return {};
}

// A length of 0 reaches to the end of the file, wherever that will be.
Result<void> lock(const FileDescriptor& fd, Lock kind, std::chrono::milliseconds timeout,
                  std::string_view object) {
  return lock_range(fd, kind, 0, 0, timeout, object);
}

Result<void> unlock(const FileDescriptor& fd) { return unlock_range(fd, 0, 0); }

Result<std::string> random_octets(std::size_t count) {
  std::string octets(count, '\0');
  std::size_t got = 0;
  while (got < count) {
    const ssize_t more = ::getrandom(octets.data() + got, count - got, 0);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return fail_errno("getrandom", "");
    got += static_cast<std::size_t>(more);
  }
  return octets;
}

}  // namespace mail::sys
