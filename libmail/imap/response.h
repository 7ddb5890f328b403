// Responses: how values are written (RFC 3501 section 9), and which response code and word an Error
// becomes (RFC 5530). Everything appends to a string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/imap/command.h"
#include "libmail/store/types.h"

namespace mail::imap {

// string: quoted where that is possible, else a literal. NUL, which a literal may not have
// (CHAR8 = %x01-ff), becomes 0x80.
void put_string(std::string& out, std::string_view text);
void put_nstring(std::string& out, const std::optional<std::string>& text);
void put_astring(std::string& out, std::string_view text);  // an atom where that is possible
void put_mailbox(std::string& out, std::string_view utf8_name);
// "(\Answered \Seen $Forwarded)"
void put_flags(std::string& out, const store::Flags& flags, bool recent);
// "BODY[1.HEADER.FIELDS (DATE FROM)]<0>" as a response names what was asked for.
void put_section(std::string& out, const FetchItem& item);
// "17-Jul-1996 02:44:25 -0700" with quotes, in this machine's zone (TZ or /etc/localtime).
void put_internal_date(std::string& out, WallTime time);

// "NO [TRYCREATE] No such mailbox" without tag and CRLF.
std::string to_response(const Error& error);

// The error of a missing target of APPEND, COPY or MOVE: to_response() gives [TRYCREATE] then.
Error try_create(Error error);

// One number per call: "* SEARCH 2 84", "1:3,7" and the like.
void put_number(std::string& out, std::uint64_t number);

}  // namespace mail::imap
