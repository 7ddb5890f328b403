// CaresResolver: the DNS by c-ares, which only carries the octets; answers are read by message.h.
// One channel per process, no threads, nothing cancelled (the library's history of faults lies
// there).
#pragma once

#include <memory>

#include "libmail/dns/resolver.h"

namespace mail::dns {

struct Settings {
  std::string servers;    // "127.0.0.1:53,[::1]:53"; empty: /etc/resolv.conf
  int timeout_ms = 3000;  // each try
  int tries = 3;
  bool ipv4 = true;  // inet_protocols
  bool ipv6 = true;
};

// /etc/resolv.conf is read at each construction.
Result<std::unique_ptr<Resolver>> open_resolver(const Settings& settings);

}  // namespace mail::dns
