// DescriptorTransport: the peer on descriptors: 0 and 1 (a connection handed over by inetd or a
// unit, a pipe, a terminal), or one socket. TLS comes in through TlsStarter, so that this library
// knows none.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "libmail/net/transport.h"

namespace mail::net {

inline constexpr std::size_t kReadBuffer = 64U << 10U;  // octets

// One established TLS session over a descriptor (libmail/tls implements it).
class TlsChannel {
 public:
  virtual ~TlsChannel() = default;
  // As read(2) and write(2) that never block: 0 from read is the peer's close. Errors: InUse when
  // the descriptor must become readable or writable first (`wants_write()` tells which), else
  // Closed and Io.
  virtual Result<std::size_t> read(char* into, std::size_t size) = 0;
  virtual Result<std::size_t> write(const char* from, std::size_t size) = 0;
  [[nodiscard]] virtual bool wants_write() const = 0;
  [[nodiscard]] virtual bool has_pending() const = 0;  // decrypted octets wait inside
  virtual void close_notify() = 0;
  [[nodiscard]] virtual std::string description() const = 0;
  // A session of before goes on: no certificate was shown.
  [[nodiscard]] virtual bool was_resumed() const { return false; }
};
// Shakes hands on the descriptor, not later than the deadline.
using TlsStarter =
    std::function<Result<std::unique_ptr<TlsChannel>>(int fd, MonotonicTime deadline)>;

class DescriptorTransport final : public Transport {
 public:
  struct Settings {
    std::chrono::milliseconds write_timeout{300'000};  // a peer that takes nothing
    std::chrono::milliseconds tls_timeout{60'000};
    // How long reading goes on after SIGTERM, all in all: a client that has sent its last dot had
    // better hear what became of it (RFC 1047). A server says its farewell at once.
    std::chrono::milliseconds termination_grace{0};
    TlsStarter start_tls;  // empty: Unsupported
  };
  // Does not own the descriptors; sets O_NONBLOCK on sockets, TCP_NODELAY on TCP.
  DescriptorTransport(int read_fd, int write_fd, Settings settings);
  DescriptorTransport(const DescriptorTransport&) = delete;
  DescriptorTransport& operator=(const DescriptorTransport&) = delete;
  ~DescriptorTransport() override;

  Result<std::string_view> read_some(MonotonicTime deadline) override;
  Result<void> write_all(std::string_view octets) override;
  Result<Woken> wait(int event_fd, MonotonicTime until) override;
  Result<void> start_tls() override;
  [[nodiscard]] bool is_tls() const override { return tls_ != nullptr; }
  [[nodiscard]] std::string tls_description() const override {
    return tls_ ? tls_->description() : std::string();
  }

  // Octets that another role read and did not use come first (HandOver::unread).
  void unread(std::string octets) { unread_ = std::move(octets); }

 private:
  Result<void> wait_for(int fd, short events, MonotonicTime deadline);

  int read_fd_;
  int write_fd_;
  Settings settings_;
  std::optional<MonotonicTime> leave_at_;  // SIGTERM has come: reading ends then
  std::unique_ptr<TlsChannel> tls_;
  std::string unread_;
  std::unique_ptr<char[]> buffer_;  // kReadBuffer octets, not touched before they are needed
};

// The peer of descriptor 0: getpeername(), or where that is no Internet socket UCSPI's TCPREMOTEIP
// (TCPREMOTEPORT, TCPLOCALIP, TCPLOCALPORT) or REMOTE_ADDR (REMOTE_PORT) of the environment.
Peer peer_of(int fd);

}  // namespace mail::net
