#include "libmail/base/md5.h"

#include <bit>
#include <cstddef>

#include "libmail/base/ascii.h"

namespace mail {
namespace {

constexpr std::size_t kBlock = 64;

// RFC 1321 section 3.4: floor(2^32 * abs(sin(i + 1))).
constexpr auto kSines = std::to_array<std::uint32_t>(
    {0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
     0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
     0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
     0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
     0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
     0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
     0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
     0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
     0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
     0xeb86d391});
constexpr std::array<std::array<int, 4>, 4> kShifts{
    {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};

std::string little_endian(std::uint64_t value, std::size_t octets) {
  std::string out;
  for (std::size_t i = 0; i < octets; ++i) {
    out += static_cast<char>(value & 0xffU);
    value >>= 8U;
  }
  return out;
}

struct Step {
  std::uint32_t mixed = 0;
  std::size_t word = 0;
};

Step step_of(std::size_t i, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  switch (i / 16) {
    case 0:
      return {(b & c) | (~b & d), i};
    case 1:
      return {(d & b) | (~d & c), (5 * i + 1) % 16};
    case 2:
      return {b ^ c ^ d, (3 * i + 5) % 16};
    default:
      return {c ^ (b | ~d), (7 * i) % 16};
  }
}

}  // namespace

void Md5::process(std::string_view block) {
  std::array<std::uint32_t, 16> words{};
  for (std::size_t i = 0; i < kBlock; ++i) {
    words.at(i / 4) |= static_cast<std::uint32_t>(static_cast<unsigned char>(block[i]))
                       << (8 * (i % 4));
  }
  auto [a, b, c, d] = state_;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const Step step = step_of(i, b, c, d);
    const std::uint32_t sum = a + step.mixed + kSines.at(i) + words.at(step.word);
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kShifts.at(i / 16).at(i % 4));
  }
  state_[0] += a;
  state_[1] += b;
  state_[2] += c;
  state_[3] += d;
}

void Md5::update(std::string_view octets) {
  octets_ += octets.size();
  rest_ += octets;
  std::size_t at = 0;
  for (; rest_.size() - at >= kBlock; at += kBlock)
    process(std::string_view{rest_}.substr(at, kBlock));
  rest_.erase(0, at);
}

std::string Md5::hex_digest() {
  const std::uint64_t bits = octets_ * 8;
  std::string padding(1, '\x80');
  padding.append((kBlock + 55 - octets_ % kBlock) % kBlock, '\0');
  update(padding + little_endian(bits, 8));
  std::string digest;
  for (const std::uint32_t word : state_) digest += little_endian(word, 4);
  return ascii::to_hex(digest);
}

}  // namespace mail
