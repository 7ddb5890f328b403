// Attempt: one try at the pending recipients of a queued message for one destination: local end
// points through deliver, others through a Client. Marks what is done, makes forwards and reports
// durable before the marks, and says when to try again. Order of writes:
// research/delivery-changes.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libmail/alias/end_point.h"
#include "libmail/base/clock.h"
#include "libmail/local/conversation.h"
#include "libmail/queue/queue.h"
#include "libmail/queue/settings.h"
#include "libmail/relay/client.h"
#include "libmail/relay/next_hop.h"
#include "libmail/relay/settings.h"

namespace mail::relay {

struct World {
  queue::Queue& queue;
  local::Conversation& local;
  const Clock& clock;
  const queue::Settings& queue_settings;
  const Settings& settings;
  // Where an address leads today: for forwards and reports. As Routes gives it.
  std::function<Result<std::vector<alias::EndPoint>>(const std::string& address)> expand;
};

// Destination of a recipient: kLocalDestination or destination_of().
std::string destination_of(const queue::Recipient& recipient, const Settings& settings);

// Backoff as Postfix has it: as long as the message is old, within the limits.
WallTime next_try_of(const queue::Envelope& envelope, const queue::Settings& settings,
                     WallTime now);

struct AttemptResult {
  bool removed = false;           // nothing is left of it
  bool destination_done = false;  // nothing is left for this destination
  bool outcome_unknown = false;   // it may have been delivered (RFC 1047)
  WallTime next_try{};            // where something is left
};

// Tries the recipients of `destination`. `client`: connected and greeted, `relay_text` names it
// ("mx.peer.example[192.0.2.1]:25"); null for local ones.
Result<AttemptResult> attempt(World& world, queue::Item& item, const std::string& destination,
                              Client* client, const std::string& relay_text);

// The destination could not be reached at all: notes the reason on its recipients, returns what has
// expired, and defers. A permanent error (no such domain) fails them.
Result<AttemptResult> note_unreachable(World& world, queue::Item& item,
                                       const std::string& destination, const Error& why);

}  // namespace mail::relay
