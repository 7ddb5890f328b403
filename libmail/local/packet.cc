#include "libmail/local/packet.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "libmail/base/faults.h"
#include "libmail/base/sys.h"

namespace mail::local {
namespace {

// Room for one descriptor, aligned as the kernel wants it.
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> room;
};

int milliseconds_until(MonotonicTime deadline) {
  using std::chrono::milliseconds;
  if (deadline == MonotonicTime::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 1'000'000'000));
}

Result<void> wait_readable(const FileDescriptor& socket, MonotonicTime deadline) {
  for (;;) {
    pollfd ask{socket.get(), POLLIN, 0};
    const int ready = ::poll(&ask, 1, milliseconds_until(deadline));
    if (ready > 0) return {};
    if (ready == 0) return fail(Errc::Timeout, "No answer", "delivery socket: no packet in time");
    if (errno != EINTR) return fail(sys::error_from_errno(errno, "poll", "delivery socket"));
  }
}

// 0: none.
Result<void> limit_sends(const FileDescriptor& socket, std::chrono::seconds limit) {
  const ::timeval most{limit.count(), 0};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) == 0) return {};
  return fail(sys::error_from_errno(errno, "setsockopt SO_SNDTIMEO", "delivery socket"));
}

}  // namespace

Result<void> send_packet(const FileDescriptor& socket, std::string_view octets, int attach) {
  const faults::Decision decision = faults::point("send");
  if (decision.action == faults::Action::Errno) {
    return fail(sys::error_from_errno(decision.error_number, "send", "delivery socket"));
  }
  std::string copy(octets);
  iovec part{copy.data(), copy.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control{};
  if (attach >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &attach, sizeof attach);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  const int saved = errno;
  faults::after(decision);
  if (sent < 0) return fail(sys::error_from_errno(saved, "send", "delivery socket"));
  return {};
}

Result<Packet> receive_packet(const FileDescriptor& socket, MonotonicTime deadline) {
  const faults::Decision decision = faults::point("receive");
  if (decision.action == faults::Action::Errno) {
    return fail(sys::error_from_errno(decision.error_number, "receive", "delivery socket"));
  }
  TRY(wait_readable(socket, deadline));
  Packet packet;
  packet.octets.resize(kMaxPacket);
  iovec part{packet.octets.data(), packet.octets.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail(sys::error_from_errno(errno, "receive", "delivery socket"));
  packet.octets.resize(static_cast<std::size_t>(got));
  std::size_t descriptors = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len >= CMSG_LEN(sizeof(int))) {
      // The room's alignment lets a second one in.
      descriptors = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < descriptors; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        packet.descriptor = FileDescriptor(fd);
      }
    }
  }
  faults::after(decision);
  if (got == 0) return fail(Errc::Closed, "Connection closed", "delivery socket: end of file");
  // The kernel closes descriptors that found no room (MSG_CTRUNC).
  if (descriptors > 1 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return fail(Errc::Syntax, "Bad delivery record", "delivery socket: packet too large");
  }
  return packet;
}

Result<PacketPair> make_packet_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(sys::error_from_errno(errno, "socketpair", "delivery socket"));
  }
  return PacketPair{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

Result<FileDescriptor> connect_packet_socket(const std::string& path, std::chrono::seconds limit) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(Errc::Config, "Local delivery is not available", "socket path too long: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return fail(sys::error_from_errno(errno, "socket", path));
  // connect() waits while the backlog is full; there is nothing that poll() could wait for.
  TRY(limit_sends(socket, limit));
  int connected = 0;
  do {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets interface
    connected =
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (connected != 0 && errno == EINTR);
  if (connected != 0) {
    std::string why = errno == EAGAIN ? "connect " + path + ": its backlog is full"
                                      : sys::error_from_errno(errno, "connect", path).log_text;
    return fail(Errc::Unavailable, "Local delivery is not available", std::move(why));
  }
  TRY(limit_sends(socket, {}));
  return socket;
}

Result<uid_t> peer_uid(const FileDescriptor& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return fail(sys::error_from_errno(errno, "getsockopt SO_PEERCRED", "delivery socket"));
  }
  return peer.uid;
}

}  // namespace mail::local
