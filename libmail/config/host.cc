#include "libmail/config/host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"

namespace mail::config {
namespace {

std::string address_text(const struct sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET) {
    struct sockaddr_in in {};
    std::memcpy(&in, address, sizeof in);
    ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  } else {
    struct sockaddr_in6 in6 {};
    std::memcpy(&in6, address, sizeof in6);
    ::inet_ntop(AF_INET6, &in6.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

unsigned count_mask_bits(const struct sockaddr* mask, int family) {
  unsigned bits = 0;
  if (mask == nullptr) return family == AF_INET ? 32 : 128;
  if (family == AF_INET) {
    struct sockaddr_in in {};
    std::memcpy(&in, mask, sizeof in);
    return static_cast<unsigned>(std::popcount(in.sin_addr.s_addr));
  }
  struct sockaddr_in6 in6 {};
  std::memcpy(&in6, mask, sizeof in6);
  for (const auto octet : in6.sin6_addr.s6_addr)
    bits += static_cast<unsigned>(std::popcount(octet));
  return bits;
}

bool is_v6(std::string_view address) { return address.find(':') != std::string_view::npos; }
bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

// ADDRESS with the bits beyond `prefix` cleared, as an item of mynetworks.
std::string network_of(const std::string& address, unsigned prefix) {
  std::array<unsigned char, 16> octets{};
  const int family = is_v6(address) ? AF_INET6 : AF_INET;
  if (::inet_pton(family, address.c_str(), octets.data()) != 1) return {};
  for (unsigned bit = prefix; bit < (family == AF_INET ? 32U : 128U); ++bit) {
    octets.at(bit / 8) &= static_cast<unsigned char>(~(0x80U >> (bit % 8)));
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, octets.data(), text.data(), text.size());
  const auto bits = "/" + std::to_string(prefix);
  return family == AF_INET ? text.data() + bits : "[" + std::string(text.data()) + "]" + bits;
}

unsigned class_prefix(const std::string& address) {
  const auto first = ascii::to_number<unsigned>(address.substr(0, address.find('.'))).value_or(0);
  if (first < 128) return 8;
  return first < 192 ? 16 : 24;
}

std::string hosts_of(const Host& host) {
  return host.late ? sys::read_file("/etc/hosts").value_or(std::string{}) : host.hosts;
}

std::vector<InterfaceAddress> addresses_of(const Host& host) {
  if (!host.late) return host.addresses;
  std::vector<InterfaceAddress> addresses;
  struct ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return addresses;
  for (const auto* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_UP) == 0) continue;
    const int family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    addresses.push_back({address_text(one->ifa_addr), count_mask_bits(one->ifa_netmask, family)});
  }
  ::freeifaddrs(list);
  return addresses;
}

// Addresses of `name` in the hosts file.
std::vector<std::string> find_addresses(std::string_view hosts, std::string_view name) {
  std::vector<std::string> found;
  for (const auto line : ascii::split(hosts, '\n')) {
    const auto words = ascii::words(line.substr(0, line.find('#')));
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (ascii::iequals(words[i], name)) found.emplace_back(words[0]);
    }
  }
  return found;
}

// Whether an interface's address is one that inet_interfaces names. A name that the hosts file does
// not know counts as every address: asking DNS at each start would cost more than it tells.
bool is_selected(std::string_view hosts, const std::vector<std::string>& inet_interfaces,
                 const std::string& address) {
  return std::ranges::any_of(inet_interfaces, [&](const std::string& item) {
    if (item == "all") return true;
    if (item == "loopback-only" || ascii::iequals(item, "localhost")) return is_loopback(address);
    std::string plain = item;
    if (plain.starts_with('[') && plain.ends_with(']')) plain = plain.substr(1, plain.size() - 2);
    if (plain == address) return true;
    std::array<unsigned char, 16> octets{};
    if (::inet_pton(is_v6(plain) ? AF_INET6 : AF_INET, plain.c_str(), octets.data()) == 1) {
      return false;
    }
    const auto known = find_addresses(hosts, plain);
    return known.empty() || std::ranges::find(known, address) != known.end();
  });
}

}  // namespace

Host Host::of_this_system() {
  Host host;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) host.name = name.data();
  host.late = true;
  return host;
}

std::string qualified_name(const Host& host) {
  if (host.name.find('.') != std::string::npos) return host.name;
  const auto hosts = hosts_of(host);
  for (const auto line : ascii::split(hosts, '\n')) {
    const auto words = ascii::words(line.substr(0, line.find('#')));
    if (words.size() < 2 || std::find(words.begin() + 1, words.end(), host.name) == words.end()) {
      continue;
    }
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[i].find('.') != std::string_view::npos) return std::string(words[i]);
    }
  }
  return (host.name.empty() ? "localhost" : host.name) + ".localdomain";
}

std::string own_networks(const Host& host, std::string_view style,
                         const std::vector<std::string>& inet_interfaces) {
  std::vector<std::string> networks;
  const auto hosts = hosts_of(host);
  for (const auto& [address, prefix] : addresses_of(host)) {
    if (!is_selected(hosts, inet_interfaces, address)) continue;
    unsigned bits = is_v6(address) ? 128 : 32;
    if (style != "host") bits = is_loopback(address) && !is_v6(address) ? 8 : prefix;
    if (style == "class" && !is_v6(address)) bits = class_prefix(address);
    auto network = network_of(address, bits);
    if (!network.empty() && std::ranges::find(networks, network) == networks.end()) {
      networks.push_back(std::move(network));
    }
  }
  std::string text;
  for (const auto& network : networks) text += (text.empty() ? "" : " ") + network;
  return text;
}

}  // namespace mail::config
