// MemoryTransport: the twin for tests. What the peer will send is given in pieces; what it received
// is kept. At the end of the pieces the peer has closed, or, with `hangs`, the deadline passes.
#pragma once

#include <deque>
#include <string>

#include "libmail/net/transport.h"

namespace mail::net {

class MemoryTransport final : public Transport {
 public:
  void send(std::string piece) { pieces_.push_back(std::move(piece)); }
  [[nodiscard]] const std::string& received() const { return received_; }
  std::string take_received() { return std::exchange(received_, {}); }
  bool hangs = false;
  bool offers_tls = false;

  Result<std::string_view> read_some(MonotonicTime /*deadline*/) override {
    if (pieces_.empty()) {
      if (hangs) return fail(Errc::Timeout, "Timed out");
      return std::string_view();
    }
    current_ = std::move(pieces_.front());
    pieces_.pop_front();
    return std::string_view(current_);
  }
  Result<void> write_all(std::string_view octets) override {
    received_ += octets;
    return {};
  }
  Result<Woken> wait(int /*event_fd*/, MonotonicTime /*until*/) override {
    return pieces_.empty() && hangs ? Woken::Time : Woken::Input;
  }
  Result<void> start_tls() override {
    if (!offers_tls) return fail(Errc::Unsupported, "TLS not available");
    tls_ = true;
    return {};
  }
  [[nodiscard]] bool is_tls() const override { return tls_; }

 private:
  std::deque<std::string> pieces_;
  std::string current_;
  std::string received_;
  bool tls_ = false;
};

}  // namespace mail::net
