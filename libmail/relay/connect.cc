#include "libmail/relay/connect.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libmail/net/network.h"
#include "libmail/net/signals.h"

namespace mail::relay {

Result<FileDescriptor> connect_to(const Host& host, std::chrono::milliseconds timeout) {
  const std::string where =
      "connect to " + host.name + '[' + host.address + "]:" + std::to_string(host.port);
  const auto refuse = [&](int error_number) {
    const std::string text =
        where + ": " + std::strerror(error_number);  // NOLINT(concurrency-mt-unsafe)
    return fail(error_number == ETIMEDOUT ? Errc::Timeout : Errc::Unavailable,
                EnhancedStatus{4, 4, 1}, text);
  };
  const auto address = net::Address::parse(host.address);
  if (!address) return refuse(EADDRNOTAVAIL);
  ::sockaddr_storage storage{};
  const ::socklen_t size = address->to_sockaddr(host.port, storage);
  FileDescriptor socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return refuse(errno);
  if (::connect(socket.get(), reinterpret_cast<::sockaddr*>(&storage), size) == 0) return socket;
  if (errno != EINPROGRESS) return refuse(errno);
  ::pollfd one{socket.get(), POLLOUT, 0};
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  int ready = -1;
  do {  // no signal but our end ends the attempt
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    ready = ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  } while (ready < 0 && errno == EINTR && !net::termination_requested());
  if (ready < 0) return refuse(errno);
  if (ready == 0) return refuse(ETIMEDOUT);
  int error_number = 0;
  ::socklen_t length = sizeof error_number;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error_number, &length);
  if (error_number != 0) return refuse(error_number);
  return socket;
}

}  // namespace mail::relay
