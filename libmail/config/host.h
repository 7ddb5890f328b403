// What the computed defaults need to know of this machine: its name and its addresses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mail::config {

struct InterfaceAddress {
  std::string address;  // "192.168.10.10", "::1"
  unsigned prefix = 0;  // length of the network's part in bits
  bool operator==(const InterfaceAddress&) const = default;
};

struct Host {
  std::string name;   // as gethostname() says
  std::string hosts;  // content of /etc/hosts: completes a name without a dot, without asking DNS
  std::vector<InterfaceAddress> addresses;
  // `hosts` and `addresses` are the system's, read when a default needs them: a load for one
  // connection mostly needs neither.
  bool late = false;

  static Host of_this_system();
};

// Fully-qualified name: `name` if it holds a dot, else the first name with a dot on its line in
// `hosts`, else NAME.localdomain, as Postfix has it.
std::string qualified_name(const Host& host);

// Default of mynetworks (postconf(5), mynetworks_style): `host` the interfaces' own addresses,
// `subnet` their networks, `class` their classful networks. Loopback is 127.0.0.0/8 in the last
// two.
std::string own_networks(const Host& host, std::string_view style,
                         const std::vector<std::string>& inet_interfaces);

}  // namespace mail::config
