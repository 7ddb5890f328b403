#include "libmail/login/start_monitor.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/login/channel.h"
#include "libmail/login/monitor.h"
#include "libmail/net/signals.h"

namespace mail::login {

Result<std::pair<FileDescriptor, FileDescriptor>> make_channel() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, static_cast<int*>(ends)) != 0) {
    return fail(sys::error_from_errno(errno, "socketpair", "monitor's channel"));
  }
  const int size = static_cast<int>(kMaxMessage);
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return std::pair(FileDescriptor(ends[0]), FileDescriptor(ends[1]));
}

int wait_for_child(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return EX_OSERR;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EX_TEMPFAIL;
}

Result<std::unique_ptr<MonitorClient>> start_monitor(const Settings& settings,
                                                     const std::string& service,
                                                     const net::Peer& peer) {
  auto channel = TRY(make_channel());
  const pid_t monitor = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail(sys::error_from_errno(errno, "fork", "a role"));
  if (child == 0) {
    // Without its monitor the role could ask nobody; and nobody would wait for it.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != monitor) ::_exit(EX_TEMPFAIL);
    channel.first.reset();
    return std::make_unique<MonitorClient>(std::move(channel.second));
  }
  channel.second.reset();
  // The peer's octets are the child's: the monitor keeps no hand on them, so that the peer sees the
  // end of the connection when the child ends.
  const FileDescriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) ::dup2(nothing.get(), fd);
  static_cast<void>(std::signal(SIGTERM, SIG_IGN));  // the child says good-bye
  const SystemClock clock;
  const auto authenticator = make_authenticator(settings);
  Monitor role(settings, service, peer, *authenticator, clock);
  FileDescriptor unused;
  const auto served = role.serve(channel.first, unused);
  if (!served) log::error(served.error().log_text);
  channel.first.reset();
  ::_exit(wait_for_child(child));
}

}  // namespace mail::login
