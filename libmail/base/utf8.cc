#include "libmail/base/utf8.h"

#include <algorithm>
#include <cstring>

namespace mail::utf8 {
namespace {

struct Lead {
  std::uint8_t size = 0;           // of the whole sequence; 0: no lead octet
  std::uint8_t second_min = 0x80;  // RFC 3629 section 4: the second octet's range shuts out
  std::uint8_t second_max = 0xBF;  // over-long forms, surrogates and what lies above U+10FFFF
};

Lead classify(std::uint8_t octet) {
  if (octet < 0x80) return {1};
  if (octet < 0xC2) return {0};
  if (octet < 0xE0) return {2};
  if (octet == 0xE0) return {3, 0xA0, 0xBF};
  if (octet == 0xED) return {3, 0x80, 0x9F};
  if (octet < 0xF0) return {3};
  if (octet == 0xF0) return {4, 0x90, 0xBF};
  if (octet < 0xF4) return {4};
  if (octet == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

}  // namespace

CodePoint next(Cursor& in) {
  const auto first = static_cast<std::uint8_t>(in.next());
  const Lead lead = classify(first);
  if (lead.size == 0) return {kReplacement, false, 1};
  if (lead.size == 1) return {first, true, 1};
  char32_t value = first & (0x7FU >> lead.size);
  for (std::uint8_t i = 1; i < lead.size; ++i) {
    const auto octet = static_cast<std::uint8_t>(in.peek());
    const bool fits = i == 1 ? octet >= lead.second_min && octet <= lead.second_max
                             : octet >= 0x80 && octet <= 0xBF;
    if (in.at_end() || !fits) return {kReplacement, false, i};
    in.skip(1);
    value = (value << 6U) | (octet & 0x3FU);
  }
  return {value, true, lead.size};
}

bool is_ascii(std::string_view octets) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  for (std::uint64_t word = 0; octets.size() >= sizeof word; octets.remove_prefix(sizeof word)) {
    std::memcpy(&word, octets.data(), sizeof word);
    if ((word & kHighBits) != 0) return false;
  }
  return std::none_of(octets.begin(), octets.end(), ascii::is_8bit);
}

bool is_valid(std::string_view octets) {
  Cursor in{octets};
  while (!in.at_end()) {
    if (!next(in).is_valid) return false;
  }
  return true;
}

std::size_t incomplete_tail(std::string_view octets) {
  for (std::size_t back = 1; back <= 3 && back <= octets.size(); ++back) {
    const std::size_t at = octets.size() - back;
    Cursor in{octets.substr(at)};
    const Lead lead = classify(static_cast<std::uint8_t>(in.peek()));
    if (lead.size == 0) continue;  // a continuation octet, or none at all: look further back
    if (lead.size <= back) return octets.size();
    const CodePoint point = next(in);
    return !point.is_valid && in.at_end() ? at : octets.size();
  }
  return octets.size();
}

void append(std::string& out, char32_t code_point) {
  const char32_t c = code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)
                         ? kReplacement
                         : code_point;
  const auto put = [&out](char32_t octet) {
    out += static_cast<char>(static_cast<std::uint8_t>(octet));
  };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0U | (c >> 6U));
    put(0x80U | (c & 0x3FU));
  } else if (c < 0x10000) {
    put(0xE0U | (c >> 12U));
    put(0x80U | ((c >> 6U) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  } else {
    put(0xF0U | (c >> 18U));
    put(0x80U | ((c >> 12U) & 0x3FU));
    put(0x80U | ((c >> 6U) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  }
}

std::string replace_invalid(std::string_view octets) {
  std::string out;
  out.reserve(octets.size());
  Cursor in{octets};
  while (!in.at_end()) append(out, next(in).value);
  return out;
}

}  // namespace mail::utf8
