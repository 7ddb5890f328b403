// What a confined process can still do, and what it cannot: each case in a child of its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <iconv.h>
#include <linux/filter.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>

#include "libmail/confine/files.h"
#include "libmail/confine/filter.h"
#include "libmail/login/roles.h"

namespace mail::confine {
namespace {

// Runs `act` in a child; the texts it writes on descriptor `out` are what went wrong.
std::string faults_of(const std::function<void(int out)>& act) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    act(ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    said += "ended with " + std::to_string(status);
  return said;
}

void expect(int out, bool holds, const char* what) {
  if (holds) return;
  const std::string line = std::string(what) + " (" + std::strerror(errno) + "); ";
  [[maybe_unused]] const auto put = ::write(out, line.data(), line.size());
}

bool opens(const char* path, int flags = O_RDONLY) {
  const int fd = ::open(path, flags | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

class Directory {
 public:
  Directory() {
    path_ = (std::filesystem::temp_directory_path() / "confine-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

bool has_landlock() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1U /* version */) >= 1;
}

// The worst that code of an attacker can ask for in the front.
TEST(Front, CannotDoAnythingButMoveOctets) {
  const std::string faults = faults_of([](int out) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) ::_exit(3);
    const pid_t parent = ::getppid();
    const auto became = login::become_front("nobody", "");
    expect(out, became.has_value(), "become_front");
    expect(out, !opens("/etc/passwd"), "opened a file");
    expect(out, !opens("/tmp/of-a-front", O_CREAT | O_WRONLY), "made a file");
    expect(out, !opens("/proc/self/mem"), "opened its memory");
    expect(out, ::socket(AF_UNIX, SOCK_STREAM, 0) < 0, "made a local socket");
    expect(out, ::socket(AF_INET, SOCK_STREAM, 0) < 0, "made an Internet socket");
    expect(out, ::kill(parent, 0) != 0, "signalled another process");
    expect(out, ::syscall(SYS_ptrace, PTRACE_ATTACH, parent, 0, 0) != 0, "traced its parent");
    expect(out, ::syscall(SYS_fork) < 0, "forked");
    char path[] = "/bin/true";
    char* argv[] = {path, nullptr};
    expect(out, ::execv(path, argv) != 0, "executed a program");
    expect(out, ::setuid(0) != 0, "became root");
    expect(out, ::chroot("/") != 0 && ::unlink("/tmp/x") != 0 && errno == EPERM, "used a path");
    void* code = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(out, code == MAP_FAILED, "made code");
    void* data = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(out, data != MAP_FAILED, "cannot take memory");
    expect(out, ::mprotect(data, 4096, PROT_READ | PROT_EXEC) != 0, "made code of data");
    // And what it is for.
    expect(out, ::write(pair[0], "x", 1) == 1, "cannot write");
    char one = 0;
    expect(out, ::read(pair[1], &one, 1) == 1 && one == 'x', "cannot read");
    std::time_t now = std::time(nullptr);
    std::tm parts{};
    expect(out, now > 0 && ::localtime_r(&now, &parts) != nullptr, "cannot tell the time");
  });
  EXPECT_EQ(faults, "");
}

#ifdef __x86_64__
// Another system call interface would have other numbers for what the filter refuses.
TEST(Front, EndsAtACallOfAnotherArchitecture) {
  const std::string faults = faults_of([](int out) {
    expect(out, install_filter(Filter::Front).has_value(), "install_filter");
    ::syscall(0x40000000 + SYS_open, "/etc/passwd", O_RDONLY);  // x32
    expect(out, false, "lives on");
  });
  EXPECT_EQ(faults, "ended with " + std::to_string(SIGSYS));
}
#endif

TEST(Session, ReachesItsFilesAndNoOther) {
  if (!has_landlock()) GTEST_SKIP() << "no Landlock in this kernel";
  const Directory directory;
  std::filesystem::create_directories(directory.path("mail/sub"));
  std::filesystem::create_directories(directory.path("other"));
  std::filesystem::create_directory_symlink(directory.path("other"),
                                            directory.path("mail/way-out"));
  const std::string faults = faults_of([&](int out) {
    Files files{library_files(), {directory.path("mail"), directory.path("missing")}};
    const auto restricted = restrict_files(files);
    expect(out, restricted && *restricted, "restrict_files");
    expect(out, install_filter(Filter::Session).has_value(), "install_filter");
    expect(out, opens(directory.path("mail/new").c_str(), O_CREAT | O_RDWR), "cannot make mail");
    expect(out, opens(directory.path("mail").c_str(), O_TMPFILE | O_RDWR), "cannot spool");
    expect(
        out,
        ::rename(directory.path("mail/new").c_str(), directory.path("mail/sub/new").c_str()) == 0,
        "cannot rename between directories");
    expect(out, ::truncate(directory.path("mail/sub/new").c_str(), 0) == 0, "cannot truncate");
    expect(out, ::unlink(directory.path("mail/sub/new").c_str()) == 0, "cannot remove");
    expect(out, !opens(directory.path("other/file").c_str(), O_CREAT | O_RDWR), "wrote outside");
    expect(out, !opens(directory.path("mail/way-out/file").c_str(), O_CREAT | O_RDWR),
           "wrote through a link");
    expect(out, ::symlink("/", directory.path("mail/link").c_str()) != 0, "made a way out");
    expect(out, !opens("/etc/shadow") && !opens("/etc/hostname") && !opens("/root"),
           "read outside");
    expect(out, ::syscall(SYS_fork) < 0, "forked");
    char path[] = "/bin/true";
    char* argv[] = {path, nullptr};
    expect(out, ::execv(path, argv) != 0, "executed a program");
    expect(out, ::socket(AF_INET, SOCK_STREAM, 0) < 0, "made an Internet socket");
    expect(out, ::kill(::getppid(), 0) != 0, "signalled another process");
  });
  EXPECT_EQ(faults, "");
}

// What libraries open only when it is needed: nothing of it has been touched in this process.
TEST(Session, LateFilesOfLibrariesStillOpen) {
  const std::string faults = faults_of([](int out) {
    expect(out, restrict_files({library_files(), {}}).has_value(), "restrict_files");
    expect(out, install_filter(Filter::Session).has_value(), "install_filter");
    const auto converter = ::iconv_open("UTF-8", "GB18030");  // a module of gconv
    expect(out, converter != reinterpret_cast<iconv_t>(-1), "iconv_open");
    ::setenv("TZ", "Asia/Shanghai", 1);  // a file of zoneinfo
    ::tzset();
    const std::time_t noon = 1700000000;
    std::tm parts{};
    expect(out, ::localtime_r(&noon, &parts) != nullptr && parts.tm_gmtoff == 8 * 3600, "TZ");
    expect(out, ::getpwuid(0) != nullptr, "getpwuid");  // NSS
  });
  EXPECT_EQ(faults, "");
}

TEST(Service, MayLookNamesUpButStartNothing) {
  const std::string faults = faults_of([](int out) {
    expect(out, install_filter(Filter::Service).has_value(), "install_filter");
    for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
      const int fd = ::socket(family, SOCK_DGRAM, 0);
      expect(out, fd >= 0 || errno == EAFNOSUPPORT, "cannot make a socket");
    }
    expect(out, ::socket(AF_PACKET, SOCK_RAW, 0) < 0, "made a packet socket");
    expect(out, ::socket(AF_ALG, SOCK_SEQPACKET, 0) < 0, "made an AF_ALG socket");
    expect(out, ::syscall(SYS_fork) < 0, "forked");
    expect(out, ::syscall(SYS_clone3, nullptr, 0) < 0 && errno == ENOSYS, "clone3");
    expect(out, ::syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) < 0,
           "made a user namespace");
    char path[] = "/bin/true";
    char* argv[] = {path, nullptr};
    expect(out, ::execv(path, argv) != 0, "executed a program");
  });
  EXPECT_EQ(faults, "");
}

}  // namespace
}  // namespace mail::confine
