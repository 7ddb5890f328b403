#include "libmail/net/descriptor_transport.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <span>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/net/network.h"
#include "libmail/net/signals.h"

namespace mail::net {
namespace {

// Time for ppoll(2), rounded up so that a deadline is never missed by a spin.
::timespec poll_timeout(MonotonicTime deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
          .count();
  if (left <= 0) return {0, 0};
  if (left > 3'600'000) return {3600, 0};
  return {static_cast<std::time_t>(left / 1000), static_cast<long>(left % 1000 * 1'000'000)};
}

// poll(2) which a SIGTERM ends, one too that came after the caller's last look: it is let in only
// while we sleep. Without that such a session would sleep on to its deadline.
int poll_until(std::span<pollfd> descriptors, MonotonicTime deadline) {
  ::sigset_t terminate;
  ::sigset_t before;
  ::sigemptyset(&terminate);
  ::sigaddset(&terminate, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &terminate, &before);
  int ready = -1;
  int error_number = EINTR;
  if (!termination_requested()) {
    const auto timeout = poll_timeout(deadline);
    ready = ::ppoll(descriptors.data(), descriptors.size(), &timeout, &before);
    error_number = errno;
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  errno = error_number;
  return ready;
}

Error timed_out() { return make_error(Errc::Timeout, "Timed out"); }
Error interrupted() { return make_error(Errc::InUse, "Interrupted"); }

void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

bool is_socket(int fd) {
  int type = 0;
  ::socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? "" : value;
}

}  // namespace

bool Peer::is_loopback() const {
  const auto parsed = Address::parse(address);
  return parsed && parsed->is_loopback();
}

DescriptorTransport::DescriptorTransport(int read_fd, int write_fd, Settings settings)
    : read_fd_(read_fd),
      write_fd_(write_fd),
      settings_(std::move(settings)),
      buffer_(std::make_unique_for_overwrite<char[]>(kReadBuffer)) {
  // Pipes and terminals stay blocking: their flags are shared with whoever holds the other end.
  for (const int fd : {read_fd_, write_fd_}) {
    if (!is_socket(fd)) continue;
    set_nonblocking(fd);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // a greeting must not wait 40 ms
  }
}

DescriptorTransport::~DescriptorTransport() {
  if (tls_) tls_->close_notify();
}

Result<void> DescriptorTransport::wait_for(int fd, short events, MonotonicTime deadline) {
  for (;;) {
    pollfd one{fd, events, 0};
    // What is being written is written to its end; the farewell comes behind it.
    const bool is_reading = (events & POLLIN) != 0;
    const bool is_leaving = is_reading && termination_requested();
    const auto now = std::chrono::steady_clock::now();
    if (is_leaving && !leave_at_) leave_at_ = now + settings_.termination_grace;
    if (is_leaving && now >= *leave_at_) return fail(interrupted());
    const auto until = is_leaving ? std::min(deadline, *leave_at_) : deadline;
    const auto timeout = poll_timeout(until);
    const int ready = is_reading && !is_leaving ? poll_until({&one, 1}, until)
                                                : ::ppoll(&one, 1, &timeout, nullptr);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(sys::error_from_errno(errno, "poll", "peer"));
    if (std::chrono::steady_clock::now() >= deadline) return fail(timed_out());
  }
}

Result<std::string_view> DescriptorTransport::read_some(MonotonicTime deadline) {
  if (!unread_.empty()) {
    const std::size_t size = std::min(unread_.size(), kReadBuffer);
    std::copy_n(unread_.begin(), size, buffer_.get());
    unread_.erase(0, size);
    return std::string_view(buffer_.get(), size);
  }
  for (;;) {
    if (!tls_) TRY(wait_for(read_fd_, POLLIN, deadline));
    if (tls_) {
      const auto got = tls_->read(buffer_.get(), kReadBuffer);
      if (got) return std::string_view(buffer_.get(), *got);
      if (got.error().code != Errc::InUse) return fail(got.error());
      TRY(wait_for(read_fd_, tls_->wants_write() ? POLLOUT : POLLIN, deadline));
      continue;
    }
    const ssize_t got = ::read(read_fd_, buffer_.get(), kReadBuffer);
    if (got >= 0) return std::string_view(buffer_.get(), static_cast<std::size_t>(got));
    if (errno == EAGAIN || errno == EINTR) continue;
    if (errno == ECONNRESET) return std::string_view();  // gone is gone
    return fail(sys::error_from_errno(errno, "read", "peer"));
  }
}

Result<void> DescriptorTransport::write_all(std::string_view octets) {
  const auto deadline = std::chrono::steady_clock::now() + settings_.write_timeout;
  while (!octets.empty()) {
    if (tls_) {
      const auto put = tls_->write(octets.data(), octets.size());
      if (put) {
        octets.remove_prefix(*put);
        continue;
      }
      if (put.error().code != Errc::InUse) return fail(put.error());
      TRY(wait_for(write_fd_, tls_->wants_write() ? POLLOUT : POLLIN, deadline));
      continue;
    }
    const ssize_t put = ::write(write_fd_, octets.data(), octets.size());
    if (put >= 0) {
      octets.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN) {
      TRY(wait_for(write_fd_, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return fail(sys::error_from_errno(errno, "write", "peer"));
    }
  }
  return {};
}

Result<Woken> DescriptorTransport::wait(int event_fd, MonotonicTime until) {
  if (!unread_.empty() || (tls_ && tls_->has_pending())) return Woken::Input;
  for (;;) {
    pollfd both[2] = {{read_fd_, POLLIN, 0}, {event_fd, POLLIN, 0}};
    const int ready = poll_until({both, event_fd >= 0 ? 2U : 1U}, until);
    if (ready > 0) return both[0].revents != 0 ? Woken::Input : Woken::Event;
    if (ready < 0 && errno != EINTR) return fail(sys::error_from_errno(errno, "poll", "peer"));
    if (termination_requested() || std::chrono::steady_clock::now() >= until) return Woken::Time;
  }
}

Result<void> DescriptorTransport::start_tls() {
  if (!settings_.start_tls) return fail(Errc::Unsupported, "TLS not available");
  // What came in plaintext behind the command is never taken for encrypted (RFC 3207 section 4.2,
  // CVE-2011-0411): octets already here are dropped. The client has not begun TLS before our
  // answer.
  unread_.clear();
  tls_ =
      TRY(settings_.start_tls(read_fd_, std::chrono::steady_clock::now() + settings_.tls_timeout));
  return {};
}

Peer peer_of(int fd) {
  Peer peer;
  ::sockaddr_storage storage{};
  ::socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<::sockaddr*>(&storage), &size) == 0) {
    if (const auto address = Address::from_sockaddr(storage, &peer.port)) {
      peer.address = address->to_string();
      size = sizeof storage;
      if (::getsockname(fd, reinterpret_cast<::sockaddr*>(&storage), &size) == 0) {
        if (const auto local = Address::from_sockaddr(storage, &peer.local_port)) {
          peer.local_address = local->to_string();
        }
      }
      return peer;
    }
  }
  size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<::sockaddr*>(&storage), &size) == 0) {
    if (const auto local = Address::from_sockaddr(storage, &peer.local_port)) {
      // Reset by its peer already: from somewhere in the Internet, whatever the environment says.
      peer.address = local->is_ipv4() ? "0.0.0.0" : "::";
      peer.local_address = local->to_string();
      return peer;
    }
  }
  const auto take = [](const char* address_name, const char* port_name, std::string& address,
                       std::uint16_t& port) {
    if (const auto parsed = Address::parse(environment(address_name))) {
      address = parsed->to_string();
      port = ascii::to_number<std::uint16_t>(environment(port_name)).value_or(0);
    }
  };
  take("TCPREMOTEIP", "TCPREMOTEPORT", peer.address, peer.port);
  take("TCPLOCALIP", "TCPLOCALPORT", peer.local_address, peer.local_port);
  if (peer.address.empty()) take("REMOTE_ADDR", "REMOTE_PORT", peer.address, peer.port);
  return peer;
}

}  // namespace mail::net
