#include "libmail/net/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/net/network.h"
#include "libmail/net/signals.h"

namespace mail::net {
namespace {

constexpr int kBacklog = 512;
constexpr int kFirstInherited = 3;  // SD_LISTEN_FDS_START

int socket_type(SocketKind kind) {
  switch (kind) {
    case SocketKind::SequentialPacket:
      return SOCK_SEQPACKET;
    case SocketKind::Datagram:
      return SOCK_DGRAM;
    case SocketKind::Stream:
      break;
  }
  return SOCK_STREAM;
}

Result<FileDescriptor> listen_on_unix(const std::string& path, SocketKind kind, mode_t mode) {
  ::sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) {
    return fail(Errc::TooLarge, "Socket path too long", path + ": too long for a socket's path");
  }
  std::memcpy(static_cast<char*>(name.sun_path), path.data(), path.size());
  const auto* address = reinterpret_cast<const ::sockaddr*>(&name);
  FileDescriptor socket(::socket(AF_UNIX, socket_type(kind) | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return fail(sys::error_from_errno(errno, "socket", path));
  if (::connect(socket.get(), address, sizeof name) == 0) {
    return fail(Errc::InUse, "Address in use", path + ": another program listens there");
  }
  if (errno == ECONNREFUSED) static_cast<void>(sys::unlink(path));  // left by one that was killed
  FileDescriptor fresh(::socket(AF_UNIX, socket_type(kind) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fresh.is_open()) return fail(sys::error_from_errno(errno, "socket", path));
  const mode_t before = ::umask(static_cast<mode_t>(~mode & 0777U));
  const int bound = ::bind(fresh.get(), address, sizeof name);
  const int saved = errno;
  ::umask(before);
  if (bound != 0) return fail(sys::error_from_errno(saved, "bind", path));
  if (kind != SocketKind::Datagram && ::listen(fresh.get(), kBacklog) != 0) {
    return fail(sys::error_from_errno(errno, "listen", path));
  }
  return fresh;
}

// What says that a file is as it was.
struct Stamp {
  bool there = false;
  ino_t inode = 0;
  off_t size = 0;
  ::timespec mtime{};
  bool operator==(const Stamp& other) const {
    return there == other.there && inode == other.inode && size == other.size &&
           mtime.tv_sec == other.mtime.tv_sec && mtime.tv_nsec == other.mtime.tv_nsec;
  }
};

std::vector<Stamp> stamps_of(const std::vector<std::string>& files) {
  std::vector<Stamp> stamps;
  stamps.reserve(files.size());
  for (const auto& file : files) {
    struct ::stat status {};
    Stamp stamp;
    if (::stat(file.c_str(), &status) == 0) {
      stamp = {true, status.st_ino, status.st_size, status.st_mtim};
    }
    stamps.push_back(stamp);
  }
  return stamps;
}

class Acceptor {
 public:
  Acceptor(std::vector<FileDescriptor> sockets, const AcceptSettings& settings,
           const std::string& too_many, const ServeChild& serve)
      : sockets_(std::move(sockets)), settings_(settings), too_many_(too_many), serve_(serve) {}

  Result<void> run() {
    TRY(block_signals());
    for (const auto& socket : sockets_) {
      ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
    }
    auto stamps = stamps_of(settings_.watched_files);
    auto last_activity = std::chrono::steady_clock::now();
    for (;;) {
      reap();
      if (stopping_) return {};
      const bool full = children_.size() >= settings_.max_children;
      std::vector<pollfd> waits{{signals_.get(), POLLIN, 0}};
      if (!full) {
        for (const auto& socket : sockets_) waits.push_back({socket.get(), POLLIN, 0});
      }
      const int ready = ::poll(waits.data(), waits.size(), idle_timeout(last_activity));
      if (ready < 0 && errno != EINTR) return fail(sys::error_from_errno(errno, "poll", "sockets"));
      if (ready == 0) {
        if (idle_is_over(last_activity)) return {};
        continue;
      }
      read_signals();
      for (std::size_t i = 1; i < waits.size(); ++i) {
        if (waits.at(i).revents == 0) continue;
        if (auto now = stamps_of(settings_.watched_files); now != stamps) {
          stamps = std::move(now);
          if (!settings_.may_execute_anew || settings_.may_execute_anew()) execute_anew();
        }
        accept_on(sockets_.at(i - 1));
        last_activity = std::chrono::steady_clock::now();
      }
    }
  }

 private:
  Result<void> block_signals() {
    ::sigset_t wanted;
    ::sigemptyset(&wanted);
    ::sigaddset(&wanted, SIGCHLD);
    ::sigaddset(&wanted, SIGTERM);
    ::sigaddset(&wanted, SIGINT);
    if (::sigprocmask(SIG_BLOCK, &wanted, &mask_before_) != 0) {
      return fail(sys::error_from_errno(errno, "sigprocmask", "signals"));
    }
    signals_ = FileDescriptor(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_.is_open()) return fail(sys::error_from_errno(errno, "signalfd", "signals"));
    return {};
  }

  void read_signals() {
    ::signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) stopping_ = true;
    }
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto found = children_.find(pid);
      if (found == children_.end()) continue;
      if (const auto count = per_source_.find(found->second); count != per_source_.end()) {
        if (--count->second == 0) per_source_.erase(count);
      }
      children_.erase(found);
      if (WIFSIGNALED(status)) {
        log::error("child " + std::to_string(pid) + " was killed by signal " +
                   std::to_string(WTERMSIG(status)));
      }
    }
  }

  [[nodiscard]] int idle_timeout(std::chrono::steady_clock::time_point last) const {
    if (!settings_.idle_exit) return -1;
    const auto end = last + std::max<std::chrono::seconds>(settings_.idle_time, kMinIdleExit);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 1000;
  }

  [[nodiscard]] bool idle_is_over(std::chrono::steady_clock::time_point last) const {
    return settings_.idle_exit && children_.empty() &&
           std::chrono::steady_clock::now() >=
               last + std::max<std::chrono::seconds>(settings_.idle_time, kMinIdleExit);
  }

  // Replaces this process by a new one with the same sockets; returns only when that fails.
  void execute_anew() {
    if (settings_.argv.empty()) return;
    // Children of before stay ours: the process is the same, and its successor reaps them.
    int next = kFirstInherited;
    std::vector<FileDescriptor> high;
    for (const auto& socket : sockets_) {
      high.emplace_back(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 100));
    }
    for (const auto& socket : high) ::dup2(socket.get(), next++);
    ::setenv("LISTEN_FDS", std::to_string(sockets_.size()).c_str(),
             1);                                                    // NOLINT(concurrency-mt-unsafe)
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    std::vector<char*> argv;
    for (const auto& word : settings_.argv) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv("/proc/self/exe", argv.data());
    log::error("cannot execute myself anew: " +
               sys::error_from_errno(errno, "exec", "self").log_text);
    ::_exit(75);
  }

  void accept_on(const FileDescriptor& socket) {
    ::sockaddr_storage from{};
    ::socklen_t size = sizeof from;
    FileDescriptor connection(
        ::accept4(socket.get(), reinterpret_cast<::sockaddr*>(&from), &size, SOCK_CLOEXEC));
    if (!connection.is_open()) return;  // gone again, or out of descriptors for now
    std::string source;
    if (settings_.max_per_source != 0) {
      if (const auto address = Address::from_sockaddr(from, nullptr)) source = address->to_string();
      if (!source.empty() && per_source_[source] >= settings_.max_per_source) {
        [[maybe_unused]] const auto put =
            ::write(connection.get(), too_many_.data(), too_many_.size());
        return;
      }
    }
    const pid_t pid = ::fork();
    if (pid < 0) {
      log::error(sys::error_from_errno(errno, "fork", "a connection").log_text);
      return;
    }
    if (pid == 0) {
      ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
      signals_.reset();
      for (auto& inherited : sockets_) inherited.reset();
      forget_termination();
      // No destructor of the parent's objects runs twice.
      ::_exit(serve_(std::move(connection)));
    }
    children_.emplace(pid, source);
    if (!source.empty()) ++per_source_[source];
  }

  std::vector<FileDescriptor> sockets_;
  const AcceptSettings& settings_;
  const std::string& too_many_;
  const ServeChild& serve_;
  FileDescriptor signals_;
  ::sigset_t mask_before_{};
  std::map<pid_t, std::string> children_;
  std::map<std::string, std::size_t> per_source_;
  bool stopping_ = false;
};

}  // namespace

Result<FileDescriptor> listen_on(std::string_view where, SocketKind kind, mode_t mode) {
  if (where.starts_with("unix:")) return listen_on_unix(std::string(where.substr(5)), kind, mode);
  const auto colon = where.rfind(':');
  const auto wrong = [&] {
    return fail(Errc::Syntax, log::escape(where) + ": not ADDRESS:PORT nor unix:PATH");
  };
  if (colon == std::string_view::npos) return wrong();
  const auto port = ascii::to_number<std::uint16_t>(where.substr(colon + 1));
  const std::string_view host = where.substr(0, colon);
  const auto address = Address::parse(host.empty() ? "::" : host);
  if (!port || !address) return wrong();
  ::sockaddr_storage name{};
  ::socklen_t size = address->to_sockaddr(*port, name);
  FileDescriptor socket(::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return fail(sys::error_from_errno(errno, "socket", where));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<::sockaddr*>(&name), size) != 0) {
    return fail(sys::error_from_errno(errno, "bind", where));
  }
  if (::listen(socket.get(), kBacklog) != 0) {
    return fail(sys::error_from_errno(errno, "listen", where));
  }
  return socket;
}

std::vector<FileDescriptor> inherited_sockets() {
  const auto number = [](const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
    return ascii::to_number<int>(value == nullptr ? "" : value);
  };
  const auto count = number("LISTEN_FDS");
  const auto pid = number("LISTEN_PID");
  std::vector<FileDescriptor> sockets;
  if (count && (!pid || *pid == ::getpid())) {
    for (int fd = kFirstInherited; fd < kFirstInherited + *count; ++fd) {
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
      sockets.emplace_back(fd);
    }
  }
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) {
    ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  }
  return sockets;
}

bool is_listening(int fd) {
  int accepting = 0;
  ::socklen_t size = sizeof accepting;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &size) == 0 && accepting != 0;
}

Result<void> accept_connections(std::vector<FileDescriptor> sockets, const AcceptSettings& settings,
                                const std::string& too_many, const ServeChild& serve) {
  return Acceptor(std::move(sockets), settings, too_many, serve).run();
}

}  // namespace mail::net
