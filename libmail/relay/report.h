// Reports to a message's sender: failures and delays (RFC 3464 multipart/report, RFC 3461 section
// 6). Never to the null reverse-path.
#pragma once

#include <string>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/base/result.h"
#include "libmail/queue/envelope.h"

namespace mail::relay {

struct ReportedRecipient {
  std::string address;        // as accepted
  std::string final_address;  // where it led, if elsewhere
  EnhancedStatus status;
  std::string diagnostic;  // what the remote host or the mailbox said
  std::string remote;      // name of the host that said it, or empty
};

enum class ReportKind : std::uint8_t { Failure, Delay };

// The report as a message with LF line ends. `original_header`: the message's header section (with
// its last line end), returned as text/rfc822-headers.
std::string make_report(ReportKind kind, const queue::Envelope& envelope,
                        const std::vector<ReportedRecipient>& recipients,
                        const std::string& original_header, const std::string& myhostname,
                        WallTime now, std::chrono::seconds lifetime);

}  // namespace mail::relay
