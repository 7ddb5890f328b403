// What went wrong, in OpenSSL's words.
#pragma once

#include <openssl/err.h>

#include <climits>
#include <cstddef>
#include <cstdio>

namespace mail::tls {

inline int clamp(std::size_t size) { return size > INT_MAX ? INT_MAX : static_cast<int>(size); }

// "WHAT: REASON" into `why`; forgets OpenSSL's errors.
inline void say(char* why, std::size_t size, const char* what) {
  const unsigned long code = ::ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  std::snprintf(why, size, "%s%s%s", what, reason == nullptr ? "" : ": ",
                reason == nullptr ? "" : reason);
  ::ERR_clear_error();
}

}  // namespace mail::tls
