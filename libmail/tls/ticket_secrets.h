// The secrets that the session tickets of all our servers are sealed with (RFC 5077, RFC 8446
// section 4.6.1), shared by processes that live for one connection each: a small file,
// RUN/tls-tickets, 0600, of the user the monitors run as. Two secrets, each used for `lifetime` and
// known for as long again, so every ticket is good for one lifetime, and after two
// the secret is gone, and with it what a recorded connection could be opened with (docs/tls.md).
// Whoever finds the newest one too old puts a new one in its place, under a lock, in the file as it
// stands: monitors may write the file but not its directory.
#pragma once

#include <chrono>
#include <string>

#include "libmail/base/clock.h"
#include "libmail/base/result.h"
#include "libmail/tls/module_interface.h"

namespace mail::tls {

inline constexpr std::size_t kTicketSecret = TUBEPOST_TLS_TICKET_SECRET;  // octets

// One or two secrets behind each other, the newest first. To be called with the rights of the
// file's owner. Errors: NotFound or Denied (there is no file for us, and none can be made), Config
// (one that others might know: wrong owner, mode, links), Io and the like.
Result<std::string> read_ticket_secrets(const std::string& path, std::chrono::seconds lifetime,
                                        WallTime now);

}  // namespace mail::tls
