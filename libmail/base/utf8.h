// UTF-8 (RFC 3629): well-formedness and code points, without locale. Over-long forms, surrogates
// and values above U+10FFFF are not UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libmail/base/cursor.h"

namespace mail::utf8 {

constexpr char32_t kReplacement = 0xFFFD;

struct CodePoint {
  char32_t value = kReplacement;
  bool is_valid = false;
  std::uint8_t size = 0;  // octets consumed; of an ill-formed sequence its maximal subpart
};
// The next code point; the cursor must not be at its end. An ill-formed sequence yields U+FFFD and
// moves on by its longest well-formed beginning (Unicode 3.9, "substitution of maximal subparts").
CodePoint next(Cursor& in);

bool is_valid(std::string_view octets);
bool is_ascii(std::string_view octets);
// Where a sequence begins that the end of `octets` cuts short; octets.size() if none does.
std::size_t incomplete_tail(std::string_view octets);
void append(std::string& out, char32_t code_point);  // not a scalar value: U+FFFD
std::string replace_invalid(std::string_view octets);

}  // namespace mail::utf8
