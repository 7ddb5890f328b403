// What the queue knows of a message beside its octets. Stored as text (docs/queue-file.md).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/base/result.h"

namespace mail::queue {

// Name of a queue file; unique on this machine for ever. Upper-case hexadecimal of the microseconds
// since 1970 and a counter, as Postfix's long ids look in a log.
struct QueueId {
  std::string value;
  auto operator<=>(const QueueId&) const = default;
};

// One octet in the queue file, changed in place.
enum class RecipientState : char { Pending = '.', Done = 'D', Failed = 'F' };

struct Recipient {
  std::string address;      // forward-path without <>: local@domain
  std::string original_to;  // as accepted at RCPT (X-Original-To)
  std::string owner;  // envelope sender for this one when an owner-alias replaced it; or empty
  // End point of alias expansion: kind as in alias::Kind ("user", "file", "command", "remote").
  std::string kind = "remote";
  std::string target;  // account, path or command; the address itself for "remote"
  std::string runs_as;
  bool no_forward = false;
  RecipientState state = RecipientState::Pending;
  std::string reason;     // of the last failed attempt (side file)
  EnhancedStatus status;  // with it
};

struct Envelope {
  QueueId id;
  std::string reverse_path;  // without <>; empty: null reverse-path
  WallTime arrived{};
  std::uint64_t size = 0;  // octets of the message
  bool smtputf8 = false;   // RFC 6531
  bool body_8bit = false;  // BODY=8BITMIME
  std::string client;      // "unknown[192.0.2.1]", "localhost", "uid 1000": for the log and bounces
  std::string sasl_user;
  std::string parent;  // "QUEUEID:recipient" of the message this is a forward of, or empty
  std::vector<Recipient> recipients;
};

// Of a recipient inside a delivery: stable over retries, so that stores can tell them apart.
std::string delivery_id(const QueueId& id, std::size_t recipient_index);

}  // namespace mail::queue
