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
  std::string question;  // name of the one question; empty with some errors, and for the root
  std::vector<Record> records;  // of the answer section, of the types above, of class IN
};

// Corrupt where the octets contradict themselves, or are no answer to one question.
Result<Answer> parse_answer(std::string_view octets);

// What the question's name has of `type`: its own records, or those of the name that a chain of
// CNAMEs leads to (RFC 1034 section 3.6.2). Records of other names are nobody's answer. A chain
// that comes back to itself leads nowhere.
std::vector<Record> find_records(const Answer& answer, Type type);

}  // namespace mail::dns
