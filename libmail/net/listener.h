// Accepting: a server binary started with listening sockets (LISTEN_FDS, or --listen ADDR) accepts
// and forks a child for each connection (DESIGN.md section 2).
//
// The parent looks at its configuration files before each child and executes itself anew when one
// changed: an edit holds from the next connection. With idle_exit it leaves when nothing has come
// for a while and no child is left, so that nothing is resident.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::net {

inline constexpr std::chrono::seconds kMinIdleExit{10};

enum class SocketKind : std::uint8_t { Stream, SequentialPacket, Datagram };

// "127.0.0.1:25", "[::1]:25", ":25" (every interface), "unix:/run/x.sock". A stale socket file is
// replaced; one that answers is InUse. `mode` is that of a unix socket.
Result<FileDescriptor> listen_on(std::string_view where, SocketKind kind, mode_t mode = 0600);

// Sockets handed over by a socket unit: LISTEN_FDS and LISTEN_PID (sd_listen_fds(3)), descriptors
// from 3. The variables are removed from the environment. Empty when there are none.
std::vector<FileDescriptor> inherited_sockets();

// True when descriptor 0 is itself a listening socket (inetd "wait", xinetd): accept on it.
bool is_listening(int fd);

struct AcceptSettings {
  std::size_t max_children = 1000;  // beyond it connections wait in the backlog
  std::size_t max_per_source = 0;   // per client address; 0: no limit
  bool idle_exit = false;
  std::chrono::seconds idle_time = kMinIdleExit;
  // Files whose change makes the parent execute itself anew (configuration, certificates); asked
  // before each child.
  std::vector<std::string> watched_files;
  // Asked then: false keeps this process as it is until the next change (the new configuration is
  // broken: the last good one goes on). Empty: always.
  std::function<bool()> may_execute_anew;
  std::vector<std::string> argv;  // of this program, for executing itself
};

// In the child: serves one connection; the result is its exit status. Never returns to the parent's
// code.
using ServeChild = std::function<int(FileDescriptor connection)>;
// Said to a connection over max_per_source, then closed: "421 4.7.0 ...\r\n".
Result<void> accept_connections(std::vector<FileDescriptor> sockets, const AcceptSettings& settings,
                                const std::string& too_many, const ServeChild& serve);

}  // namespace mail::net
