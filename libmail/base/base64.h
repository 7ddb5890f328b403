// Base 64 (RFC 4648 section 4).
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::base64 {

std::string encode(std::string_view octets);  // one line, padded
// Strict, as SASL wants it (RFC 4954 section 4): padding required, nothing else between.
Result<std::string> decode(std::string_view text);
// As MIME wants it (RFC 2045 section 6.8): other octets are skipped, missing padding is forgiven.
std::string decode_lenient(std::string_view text);

}  // namespace mail::base64
