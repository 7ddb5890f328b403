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
  std::string final_address;  // where it led; may be the same
  EnhancedStatus status;
  std::string diagnostic;  // what went wrong, for people
  std::string reply;       // the remote server's own words ("550 5.1.1 ..."), or empty
  std::string remote;      // name of that server
};

enum class ReportKind : std::uint8_t { Failure, Delay };

struct Report {
  ReportKind kind = ReportKind::Failure;
  queue::QueueId id;                // of the report itself
  const queue::Envelope& envelope;  // of the message it is about
  std::string recipient;            // who gets it: never the null reverse-path
  std::vector<ReportedRecipient> recipients = {};
  std::string original_header = {};  // the message's header section (with its last line end),
                                     // returned as text/rfc822-headers
  std::string myhostname = {};
  WallTime now = {};
  std::chrono::seconds lifetime = {};  // maximal_queue_lifetime
};

// The report as a message with LF line ends.
std::string make_report(const Report& report);

}  // namespace mail::relay
