#include "libmail/imap/mailbox_name.h"

#include <array>
#include <cstdint>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::imap {

namespace {

// RFC 3501 section 5.1.3: BASE64 with "," for "/", no padding.
constexpr std::string_view kModifiedBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

// Next code point; 0xFFFFFFFF for malformed UTF-8 (RFC 3629 section 4: no overlong forms, no
// surrogates).
constexpr std::uint32_t kMalformed = 0xFFFFFFFF;
std::uint32_t next_code_point(Cursor& in) {
  const auto lead = static_cast<std::uint8_t>(in.next());
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4) return kMalformed;
  std::uint32_t code = lead & (0x3FU >> more);
  for (int i = 0; i < more; ++i) {
    const auto octet = static_cast<std::uint8_t>(in.peek());
    if ((octet & 0xC0U) != 0x80) return kMalformed;
    code = code << 6U | (octet & 0x3FU);
    in.next();
  }
  constexpr std::array<std::uint32_t, 4> kLeast{0, 0x80, 0x800, 0x10000};
  if (code < kLeast.at(static_cast<std::size_t>(more)) || code > 0x10FFFF ||
      (code >= 0xD800 && code <= 0xDFFF)) {
    return kMalformed;
  }
  return code;
}

void put_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | code >> 6U);
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | code >> 12U);
    out += static_cast<char>(0x80U | (code >> 6U & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else {
    out += static_cast<char>(0xF0U | code >> 18U);
    out += static_cast<char>(0x80U | (code >> 12U & 0x3FU));
    out += static_cast<char>(0x80U | (code >> 6U & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  }
}

bool is_direct(std::uint32_t code) { return code >= 0x20 && code <= 0x7E; }

void put_shifted(std::string& out, const std::vector<std::uint16_t>& units) {
  out += '&';
  std::uint32_t bits = 0;
  int count = 0;
  for (const std::uint16_t unit : units) {
    bits = bits << 16U | unit;
    count += 16;
    while (count >= 6) {
      count -= 6;
      out += kModifiedBase64.at(bits >> count & 0x3FU);
    }
    bits &= (1U << count) - 1;
  }
  if (count > 0) out += kModifiedBase64.at(bits << (6 - count) & 0x3FU);
  out += '-';
}

Error bad_name() { return make_error(Errc::Syntax, "Mailbox name is not modified UTF-7"); }

// Inside "&...-", without these.
Result<void> take_shifted(std::string_view digits, std::string& out) {
  std::uint32_t bits = 0;
  int count = 0;
  std::uint32_t high = 0;
  for (const char digit : digits) {
    const auto value = kModifiedBase64.find(digit);
    if (value == std::string_view::npos) return fail(bad_name());
    bits = (bits << 6U | static_cast<std::uint32_t>(value)) & 0x3FFFFFU;
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const std::uint32_t unit = bits >> count & 0xFFFFU;
    if (high != 0) {
      if (unit < 0xDC00 || unit > 0xDFFF) return fail(bad_name());
      put_utf8(out, 0x10000 + ((high - 0xD800) << 10U) + (unit - 0xDC00));
      high = 0;
    } else if (unit >= 0xD800 && unit <= 0xDBFF) {
      high = unit;
    } else if ((unit >= 0xDC00 && unit <= 0xDFFF) || is_direct(unit) || unit == 0) {
      return fail(bad_name());  // what can stand for itself must
    } else {
      put_utf8(out, unit);
    }
  }
  if (high != 0 || count >= 6 || (bits & ((1U << count) - 1)) != 0) return fail(bad_name());
  return {};
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  Cursor in{text};
  while (!in.at_end()) {
    if (next_code_point(in) == kMalformed) return false;
  }
  return true;
}

std::string encode_mailbox_name(std::string_view utf8) {
  std::string out;
  std::vector<std::uint16_t> shifted;
  Cursor in{utf8};
  const auto flush = [&] {
    if (!shifted.empty()) put_shifted(out, shifted);
    shifted.clear();
  };
  while (!in.at_end()) {
    std::uint32_t code = next_code_point(in);
    if (code == kMalformed) code = 0xFFFD;
    if (is_direct(code)) {
      flush();
      out += static_cast<char>(code);
      if (code == '&') out += '-';
    } else if (code >= 0x10000) {
      shifted.push_back(static_cast<std::uint16_t>(0xD800 + ((code - 0x10000) >> 10U)));
      shifted.push_back(static_cast<std::uint16_t>(0xDC00 + ((code - 0x10000) & 0x3FFU)));
    } else {
      shifted.push_back(static_cast<std::uint16_t>(code));
    }
  }
  flush();
  return out;
}

Result<std::string> decode_mailbox_name(std::string_view wire) {
  if (ascii::iequals(wire, "INBOX")) return std::string("INBOX");
  std::string out;
  bool has_8bit = false;
  Cursor in{wire};
  bool after_shift = false;
  while (!in.at_end()) {
    const char c = in.next();
    if (c == '\0') return fail(bad_name());
    has_8bit = has_8bit || ascii::is_8bit(c);
    if (c != '&') {
      after_shift = false;
      out += c;
      continue;
    }
    const auto digits = in.take_while([](char d) { return d != '-'; });
    if (!in.consume('-')) return fail(bad_name());
    if (digits.empty()) {
      out += '&';
      after_shift = false;
      continue;
    }
    if (after_shift) return fail(bad_name());  // "&...-&...-" has a shorter form
    TRY(take_shifted(digits, out));
    after_shift = true;
  }
  if (has_8bit && !is_valid_utf8(out)) return fail(bad_name());
  return out;
}

bool matches_pattern(std::string_view name, std::string_view pattern) {
  // Set of pattern positions reachable after each octet of the name (no backtracking).
  const bool fold = ascii::iequals(name, "INBOX");
  std::vector<bool> at(pattern.size() + 1, false);
  const auto skip_wildcards = [&](std::vector<bool>& set) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (set[i] && (pattern[i] == '*' || pattern[i] == '%')) set[i + 1] = true;
    }
  };
  at[0] = true;
  skip_wildcards(at);
  for (const char c : name) {
    std::vector<bool> next(pattern.size() + 1, false);
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (!at[i]) continue;
      const char p = pattern[i];
      if (p == '*' || (p == '%' && c != kHierarchySeparator)) {
        next[i] = true;
      } else if (p == c || (fold && ascii::to_lower(p) == ascii::to_lower(c))) {
        next[i + 1] = true;
      }
    }
    skip_wildcards(next);
    at.swap(next);
  }
  return at[pattern.size()];
}

}  // namespace mail::imap
