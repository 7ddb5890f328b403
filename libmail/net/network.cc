#include "libmail/net/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"

namespace mail::net {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']') && text.size() > 2) {
    text = text.substr(1, text.size() - 2);
  }
  if (ascii::istarts_with(text, "IPv6:")) text.remove_prefix(5);
  text = text.substr(0, text.find('%'));  // a zone says nothing about the address
  const std::string copy(text);
  Address address;
  if (::inet_pton(AF_INET, copy.c_str(), address.octets_.data()) == 1) {
    address.ipv4_ = true;
    return address;
  }
  std::array<std::uint8_t, 16> all{};
  if (::inet_pton(AF_INET6, copy.c_str(), all.data()) != 1) return std::nullopt;
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), all.begin())) {
    std::copy(all.begin() + 12, all.end(), address.octets_.begin());
    address.ipv4_ = true;
  } else {
    address.octets_ = all;
  }
  return address;
}

std::optional<Address> Address::from_sockaddr(const ::sockaddr_storage& from, std::uint16_t* port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (from.ss_family == AF_INET) {
    ::sockaddr_in in{};
    std::memcpy(&in, &from, sizeof in);
    if (port != nullptr) *port = ntohs(in.sin_port);
    ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  } else if (from.ss_family == AF_INET6) {
    ::sockaddr_in6 in{};
    std::memcpy(&in, &from, sizeof in);
    if (port != nullptr) *port = ntohs(in.sin6_port);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
  } else {
    return std::nullopt;
  }
  return parse(text.data());
}

bool Address::is_loopback() const {
  if (ipv4_) return octets_.front() == 127;
  return to_string() == "::1";
}

std::string Address::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(ipv4_ ? AF_INET : AF_INET6, octets_.data(), text.data(), text.size());
  return text.data();
}

::socklen_t Address::to_sockaddr(std::uint16_t port, ::sockaddr_storage& out) const {
  out = {};
  if (ipv4_) {
    ::sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, octets_.data(), 4);
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  ::sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  std::memcpy(&in.sin6_addr, octets_.data(), 16);
  std::memcpy(&out, &in, sizeof in);
  return sizeof in;
}

Result<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  const auto wrong = [&](std::string_view why) {
    return fail(Errc::Syntax, log::escape(text) + ": " + std::string(why));
  };
  if (!address) return wrong("not an address or network");
  Network network;
  network.address_ = *address;
  const unsigned most = address->is_ipv4() ? 32 : 128;
  network.length_ = most;
  if (slash != std::string_view::npos) {
    const auto length = ascii::to_number<unsigned>(text.substr(slash + 1));
    if (!length || *length > most) return wrong("the network's length is out of range");
    network.length_ = *length;
  }
  for (unsigned bit = network.length_; bit < most; ++bit) {
    if ((address->octets().at(bit / 8) & (0x80U >> bit % 8)) != 0) {
      return wrong("has bits beyond its length");
    }
  }
  return network;
}

bool Network::contains(const Address& address) const {
  if (address.is_ipv4() != address_.is_ipv4()) return false;
  for (unsigned bit = 0; bit < length_;) {
    const unsigned octet = bit / 8;
    const unsigned bits = std::min(8U, length_ - bit);
    const unsigned mask = 0xff00U >> bits & 0xffU;
    if (((address.octets().at(octet) ^ address_.octets().at(octet)) & mask) != 0) return false;
    bit += bits;
  }
  return true;
}

std::string Network::to_string() const {
  return address_.is_ipv4() ? address_.to_string() + '/' + std::to_string(length_)
                            : '[' + address_.to_string() + "]/" + std::to_string(length_);
}

Result<std::vector<Network>> parse_networks(std::string_view text) {
  std::vector<Network> networks;
  for (const auto word : ascii::words(text, ", \t\r\n"))
    networks.push_back(TRY(Network::parse(word)));
  return networks;
}

bool contains(const std::vector<Network>& networks, std::string_view address) {
  const auto parsed = Address::parse(address);
  return parsed && std::any_of(networks.begin(), networks.end(),
                               [&](const Network& network) { return network.contains(*parsed); });
}

Result<std::vector<Address>> interface_addresses() {
  ::ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0)
    return fail(sys::error_from_errno(errno, "getifaddrs", "interfaces"));
  const std::unique_ptr<::ifaddrs, void (*)(::ifaddrs*)> all(first, ::freeifaddrs);
  std::vector<Address> addresses;
  for (const auto* one = all.get(); one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    ::sockaddr_storage copy{};
    const std::size_t size = one->ifa_addr->sa_family == AF_INET    ? sizeof(::sockaddr_in)
                             : one->ifa_addr->sa_family == AF_INET6 ? sizeof(::sockaddr_in6)
                                                                    : 0;
    if (size == 0) continue;
    std::memcpy(&copy, one->ifa_addr, size);
    if (const auto address = Address::from_sockaddr(copy, nullptr)) addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace mail::net
