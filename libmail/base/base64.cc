#include "libmail/base/base64.h"

#include <array>
#include <cstdint>

namespace mail::base64 {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 255;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values.at(static_cast<unsigned char>(kAlphabet.at(i))) = static_cast<std::uint8_t>(i);
  }
  return values;
}
constexpr auto kValues = make_values();

std::uint8_t value_of(char c) { return kValues[static_cast<unsigned char>(c)]; }

}  // namespace

std::string encode(std::string_view octets) {
  std::string out;
  out.reserve((octets.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < octets.size(); i += 3) {
    const auto piece = octets.substr(i, 3);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (k < piece.size() ? static_cast<unsigned char>(piece[k]) : 0U);
    }
    out += kAlphabet[group >> 18U & 63U];
    out += kAlphabet[group >> 12U & 63U];
    out += piece.size() > 1 ? kAlphabet[group >> 6U & 63U] : '=';
    out += piece.size() > 2 ? kAlphabet[group & 63U] : '=';
  }
  return out;
}

Result<std::string> decode(std::string_view text) {
  if (text.size() % 4 != 0) return fail(Errc::Syntax, "invalid base64");
  std::size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  for (const char c : text) {
    if (value_of(c) == kNone) return fail(Errc::Syntax, "invalid base64");
  }
  if (padding != 0 && (text.size() + padding) % 4 != 0) return fail(Errc::Syntax, "invalid base64");
  // Unused bits must be zero (RFC 4648 section 3.5), so that one value has one spelling.
  if (padding != 0 && (value_of(text.back()) & (padding == 1 ? 3U : 15U)) != 0) {
    return fail(Errc::Syntax, "invalid base64");
  }
  return decode_lenient(text);
}

std::string decode_lenient(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const char c : text) {
    if (c == '=') {  // end of a run; what follows may be another (RFC 2045 section 6.8)
      bits = 0;
      group = 0;
      continue;
    }
    const std::uint8_t value = value_of(c);
    if (value == kNone) continue;
    group = group << 6U | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(group >> bits & 255U);
    }
  }
  return out;
}

}  // namespace mail::base64
