// NextHop: from a recipient's domain to the hosts to try, in order (RFC 5321 section 5.1).
//
// A destination is a text that stands for one next hop: "example.org" (by MX), "[mail.example.org]"
// or "[192.0.2.1]" (that host), each with ":port". It names the queue's share in mailq and logs
// too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/dns/resolver.h"
#include "libmail/relay/settings.h"

namespace mail::relay {

// Our own mailboxes, through deliver.
inline constexpr std::string_view kLocalDestination = "local";

struct Host {
  std::string name;     // for the log
  std::string address;  // IPv4 or IPv6 text
  std::uint16_t port = 25;
};

// relayhost where it is set, else the recipient's domain. Never kLocalDestination.
std::string destination_of(const Settings& settings, std::string_view recipient);

// Hosts by preference, equal ones in an order that `random` (0 .. n-1) chooses. Errors:
// NotFound 5.1.2 (no such domain), 5.1.10 (null MX, RFC 7505), 5.4.4 (no host of it has an
// address), Loop 5.4.6 (the best MX is ourselves), Unavailable 4.4.3, Config 4.3.5 (not a
// destination). Permanent ones about relayhost become 4.3.5: the administrator will mend it.
Result<std::vector<Host>> find_hosts(const std::string& destination, const Settings& settings,
                                     dns::Resolver& resolver,
                                     const std::function<std::size_t(std::size_t)>& random);

}  // namespace mail::relay
