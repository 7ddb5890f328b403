// US-ASCII classification, case and numbers without locale. Octets >= 0x80 belong to no class.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mail::ascii {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_alpha(char c) { return is_upper(c) || is_lower(c); }
constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
constexpr bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr bool is_wsp(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_space(char c) {
  return is_wsp(c) || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}
constexpr bool is_visible(char c) { return c > 0x20 && c < 0x7f; }  // VCHAR
constexpr bool is_printable(char c) { return c >= 0x20 && c < 0x7f; }
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
constexpr bool is_8bit(char c) { return static_cast<unsigned char>(c) >= 0x80; }

constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; }
constexpr char to_upper(char c) { return is_lower(c) ? static_cast<char>(c - 32) : c; }
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
// Position of `needle` in `text` without regard to ASCII case, or npos.
std::size_t ifind(std::string_view text, std::string_view needle);
// Order for maps keyed without regard to ASCII case.
struct ILess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};

std::string_view trim(std::string_view text);  // white space (is_space) at both ends
// Pieces between separators; empty pieces are kept. split("", ',') is one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);
// Words between runs of any of `separators`; no empty words.
std::vector<std::string_view> words(std::string_view text, std::string_view separators = " \t\r\n");

// The whole of `text` as an unsigned decimal number (digits only, no sign), or nothing.
template <class T>
std::optional<T> to_number(std::string_view text, int base = 10) {
  T value{};
  if (text.empty() || text.front() == '-' || text.front() == '+') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Lower-case hexadecimal digits of the octets; and back (nothing if odd or not hex).
std::string to_hex(std::string_view octets);
std::optional<std::string> from_hex(std::string_view digits);

// Edit distance (Levenshtein), for "nearest known name"; `limit` where it is that or more.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit = SIZE_MAX);

}  // namespace mail::ascii
