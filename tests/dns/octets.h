// DNS messages made by hand, octet by octet (RFC 1035 section 4).
#pragma once

#include <arpa/inet.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/dns/message.h"

namespace mail::dns::test {

inline std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8U & 0xffU), static_cast<char>(value & 0xffU)};
}
inline std::string u32(std::uint32_t value) { return u16(value >> 16U) + u16(value & 0xffffU); }

// Labels and the root; "" is the root.
inline std::string name(std::string_view text) {
  std::string out;
  if (!text.empty()) {
    for (const auto label : ascii::split(text, '.')) {
      out += static_cast<char>(label.size());
      out += label;
    }
  }
  return out + '\0';
}
inline std::string pointer(unsigned offset) { return u16(0xc000U | offset); }
constexpr unsigned kQuestionAt = 12;  // behind the header

inline std::string record(const std::string& owner, Type type, const std::string& rdata,
                          unsigned record_class = 1, std::uint32_t ttl = 3600) {
  return owner + u16(static_cast<unsigned>(type)) + u16(record_class) + u32(ttl) +
         u16(static_cast<unsigned>(rdata.size())) + rdata;
}
inline std::string mx(const std::string& owner, unsigned preference, const std::string& exchange) {
  return record(owner, Type::Mx, u16(preference) + exchange);
}
inline std::string cname(const std::string& owner, const std::string& target) {
  return record(owner, Type::Cname, target);
}
inline std::string a(const std::string& owner, const char* address) {
  char octets[4];
  ::inet_pton(AF_INET, address, octets);
  return record(owner, Type::A, std::string(octets, sizeof octets));
}
inline std::string aaaa(const std::string& owner, const char* address) {
  char octets[16];
  ::inet_pton(AF_INET6, address, octets);
  return record(owner, Type::Aaaa, std::string(octets, sizeof octets));
}

struct Made {
  std::string question = "example.org";
  Type type = Type::Mx;
  unsigned rcode = 0;
  unsigned flags = 0x8180;  // QR, RD, RA
  std::vector<std::string> answers = {};
  std::vector<std::string> authority = {};
  unsigned id = 0x1234;
};

inline std::string message(const Made& made) {
  std::string out = u16(made.id) + u16(made.flags | made.rcode) + u16(1) +
                    u16(static_cast<unsigned>(made.answers.size())) +
                    u16(static_cast<unsigned>(made.authority.size())) + u16(0);
  out += name(made.question) + u16(static_cast<unsigned>(made.type)) + u16(1);
  for (const auto& one : made.answers) out += one;
  for (const auto& one : made.authority) out += one;
  return out;
}

}  // namespace mail::dns::test
