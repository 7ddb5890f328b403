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
// The same for a maildrop that could not be opened after a login that was right: always with a
// code, so that a client does not ask for another password (RFC 2449 section 8.1.1, RFC 3206).
std::string to_login_response(const Error& failure);

}  // namespace mail::pop3
