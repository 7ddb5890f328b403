// Resolver: what mail asks of the DNS. Implementations: cares_resolver.h, memory_resolver.h (the
// twin).
//
// Errors: NotFound (5.4.4, the name does not exist), Unavailable (4.4.3, no answer, SERVFAIL). A
// name that exists without records of the type gives an empty list.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"

namespace mail::dns {

struct Mx {  // RFC 1035 section 3.3.9
  std::uint16_t preference = 0;
  std::string exchange;  // without the last dot; empty: null MX (RFC 7505)
  bool operator==(const Mx&) const = default;
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual Result<std::vector<Mx>> find_mx(std::string_view domain) = 0;
  // IPv4 and IPv6 addresses as text; which families is the implementation's setting.
  virtual Result<std::vector<std::string>> find_addresses(std::string_view host) = 0;
};

}  // namespace mail::dns
