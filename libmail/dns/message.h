// DNS answers (RFC 1035 section 4), read with every offset checked; total over any octets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"

namespace mail::dns {

enum class Type : std::uint16_t { A = 1, Cname = 5, Mx = 15, Aaaa = 28 };

struct Record {
  std::string name;  // lower case, without the last dot
  Type type{};
  std::uint32_t ttl = 0;         // seconds
  std::string data;              // A, AAAA: address as text; CNAME, MX: name
  std::uint16_t preference = 0;  // MX
};

struct Answer {
  unsigned rcode = 0;  // RFC 1035 section 4.1.1: 0 ok, 2 SERVFAIL, 3 NXDOMAIN
  bool truncated = false;
  std::vector<Record> records;  // of the answer section, of the types above
};

// Corrupt where the octets contradict themselves.
Result<Answer> parse_answer(std::string_view octets);

}  // namespace mail::dns
