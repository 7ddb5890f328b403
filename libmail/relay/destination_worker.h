// The worker's side of sending: jobs on one stream, result lines on another
// (docs/worker-protocol.md). One worker serves one destination over one connection at a time.
//
//   job:     DESTINATION SP QUEUE-ID[,QUEUE-ID...] LF
//   results: removed ID | done ID | gone ID | pending ID NEXT-TRY-MICROSECONDS [unknown]   of each
//   id
//            up DESTINATION | down DESTINATION REASON             last, where it was tried
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/dns/resolver.h"
#include "libmail/relay/attempt.h"

namespace mail::relay {

struct Job {
  std::string destination;
  std::vector<queue::QueueId> ids;
};
std::string format_job(const Job& job);
Result<Job> parse_job(std::string_view line);  // without LF

struct ResultLine {
  enum class Kind : std::uint8_t {
    Removed,  // from the queue
    Done,     // nothing of it waits for this destination, but for others
    Pending,
    Gone,
    Up,
    Down
  } kind = Kind::Gone;
  std::string subject;      // id or destination
  WallTime next_try{};      // Pending
  bool is_unknown = false;  // Pending: it may have been delivered (RFC 1047)
  std::string reason;       // Down
};
std::string format_result(const ResultLine& line);
Result<ResultLine> parse_result(std::string_view line);

// Does a job; `say` gets each result line as soon as it is true.
void do_job(World& world, dns::Resolver& resolver, const Job& job,
            const std::function<void(const ResultLine&)>& say);

}  // namespace mail::relay
