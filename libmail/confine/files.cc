#include "libmail/confine/files.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/sys.h"

namespace mail::confine {
namespace {

// Debian 12's header knows Landlock as of Linux 6.1; the kernel may know more.
constexpr std::uint64_t kTruncate = 1U << 14U;     // ABI 3
constexpr std::uint64_t kIoctlDevice = 1U << 15U;  // ABI 5
constexpr std::uint64_t kNetwork = 3;              // ABI 4: bind and connect by TCP
constexpr std::uint64_t kScopes = 3;               // ABI 6: abstract sockets, signals
struct Ruleset {
  std::uint64_t files = 0, network = 0, scopes = 0;
};

// NOLINTBEGIN(cppcoreguidelines-pro-type-vararg): syscall is so; glibc 2.36 has no wrappers
int abi() {
  return static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_READ_FILE | kTruncate | kIoctlDevice;
constexpr std::uint64_t kReading =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// In a mailbox no program runs, no device or socket is made, and no link that would lead out of it
// when the next process looks for what it may reach.
constexpr std::uint64_t kWriting =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER | kTruncate;

std::uint64_t known_to(int version) {
  std::uint64_t all = (1U << 13U) - 1;  // ABI 1
  if (version >= 2) all |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) all |= kTruncate;
  if (version >= 5) all |= kIoctlDevice;
  return all;
}

Result<void> permit(const FileDescriptor& ruleset, const std::string& path, std::uint64_t access) {
  const FileDescriptor there(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!there.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return {};
    return fail(sys::error_from_errno(errno, "open", path));
  }
  struct ::stat status {};
  if (::fstat(there.get(), &status) != 0) return fail(sys::error_from_errno(errno, "stat", path));
  if (!S_ISDIR(status.st_mode)) access &= kOfFiles;
  ::landlock_path_beneath_attr rule{access, there.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return fail(sys::error_from_errno(errno, "landlock_add_rule", path));
  }
  return {};
}

}  // namespace

Result<bool> restrict_files(const Files& files) {
  const int version = abi();
  // The first version refuses every rename from one directory into another, as Maildir needs it.
  if (version < 1 || (version < 2 && !files.writable.empty())) return false;
  Ruleset rights{known_to(version), version >= 4 ? kNetwork : 0, version >= 6 ? kScopes : 0};
  const std::size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  const FileDescriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rights, size, 0)));
  if (!ruleset.is_open()) return fail(sys::error_from_errno(errno, "landlock", "ruleset"));
  for (const auto& path : files.readable) TRY(permit(ruleset, path, kReading & rights.files));
  for (const auto& path : files.writable) TRY(permit(ruleset, path, kWriting & rights.files));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(sys::error_from_errno(errno, "prctl", "no new privileges"));
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail(sys::error_from_errno(errno, "landlock_restrict_self", "ruleset"));
  }
  return true;
}
// NOLINTEND(cppcoreguidelines-pro-type-vararg)

std::vector<std::string> library_files() {
  return {"/usr",
          "/lib",
          "/lib64",
          "/etc/localtime",
          "/etc/nsswitch.conf",
          "/etc/passwd",
          "/etc/group",
          "/etc/hosts",
          "/etc/host.conf",
          "/etc/resolv.conf",
          "/etc/services",
          "/etc/ssl",
          "/etc/gai.conf",
          "/etc/ld.so.cache",
          "/dev/null",
          "/dev/urandom",
          "/proc/sys/kernel/random"};
}

}  // namespace mail::confine
