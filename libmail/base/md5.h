// MD5 (RFC 1321), for what other mail servers have named messages by (Dovecot's header MD5, %M).
// Never for anything an attacker may gain by.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace mail {

class Md5 {
 public:
  void update(std::string_view octets);
  // 32 lower-case hexadecimal digits. One use.
  std::string hex_digest();

 private:
  void process(std::string_view block);  // 64 octets

  std::array<std::uint32_t, 4> state_{0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U};
  std::uint64_t octets_ = 0;
  std::string rest_;  // fewer than 64 octets
};

}  // namespace mail
