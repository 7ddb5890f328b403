// Transport: octets to and from one peer. The edge of every session; only implementations know
// descriptors, TLS and time-outs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/clock.h"
#include "libmail/base/result.h"

namespace mail::net {

// The peer as the kernel (or, for a pipe, UCSPI's environment) tells it. IPv4-mapped IPv6
// addresses are normalised before anything is matched.
struct Peer {
  std::string address;  // "192.168.10.30", "2001:db8::1"; empty on a pipe or terminal
  std::uint16_t port = 0;
  std::string local_address;  // ours, of this connection
  std::uint16_t local_port = 0;
  [[nodiscard]] bool is_loopback() const;
};

enum class Woken : std::uint8_t { Input, Event, Time };

class Transport {
 public:
  virtual ~Transport() = default;

  // What has arrived, at most 64 KiB; empty when the peer has closed. Timeout at the deadline. The
  // view lives until the next call.
  virtual Result<std::string_view> read_some(MonotonicTime deadline) = 0;
  virtual Result<void> write_all(std::string_view octets) = 0;
  // Until input has arrived (not read), `event_fd` is readable (-1: none), or the time has come.
  virtual Result<Woken> wait(int event_fd, MonotonicTime until) = 0;

  // Server side of STARTTLS/STLS: drops plaintext that was read ahead (RFC 3207 section 4.2,
  // CVE-2011-0411), then shakes hands. Unsupported where there is no TLS.
  virtual Result<void> start_tls() = 0;
  [[nodiscard]] virtual bool is_tls() const = 0;
  // "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)" for Received and log; or empty.
  [[nodiscard]] virtual std::string tls_description() const { return {}; }
};

}  // namespace mail::net
