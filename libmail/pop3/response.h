// Responses of POP3 (RFC 1939 section 3) with the codes of RFC 2449 section 8 and RFC 3206.
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::pop3 {

std::string ok(std::string_view text);     // "+OK text\r\n"
std::string error(std::string_view text);  // "-ERR text\r\n"
// The table: what an Error says to the client. [AUTH], [SYS/TEMP], [SYS/PERM], [IN-USE].
std::string to_response(const Error& failure);

}  // namespace mail::pop3
