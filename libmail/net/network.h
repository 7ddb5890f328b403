// Addresses and networks: mynetworks, login_trusted_networks, inet_interfaces. Text is "192.0.2.1",
// "2001:db8::1", "[2001:db8::1]"; networks add "/LENGTH" ("192.168.10.0/24", "[::1]/128").
// IPv4-mapped IPv6 addresses are the IPv4 address they map.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"

namespace mail::net {

class Address {
 public:
  static std::optional<Address> parse(std::string_view text);
  static std::optional<Address> from_sockaddr(const ::sockaddr_storage& from, std::uint16_t* port);
  [[nodiscard]] bool is_ipv4() const { return ipv4_; }
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::string to_string() const;
  // The first 4 or all 16 octets, network order.
  [[nodiscard]] const std::array<std::uint8_t, 16>& octets() const { return octets_; }
  // A sockaddr for bind() and connect(); its length.
  ::socklen_t to_sockaddr(std::uint16_t port, ::sockaddr_storage& out) const;
  bool operator==(const Address&) const = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
  bool ipv4_ = false;
};

class Network {
 public:
  // Syntax errors: bad address, length out of range, host bits set beyond the length (told, since
  // it is usually a typing mistake; Postfix refuses it too).
  static Result<Network> parse(std::string_view text);
  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] std::string to_string() const;

 private:
  Address address_;
  unsigned length_ = 0;
};

// White space or commas between.
Result<std::vector<Network>> parse_networks(std::string_view text);
bool contains(const std::vector<Network>& networks, std::string_view address);

// Addresses of this machine's interfaces.
Result<std::vector<Address>> interface_addresses();

}  // namespace mail::net
