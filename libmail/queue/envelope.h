// What the queue knows of a message beside its octets. Stored as text (docs/queue-file.md).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/base/result.h"

namespace mail::queue {

// Name of a queue file; unique on this machine for ever. Upper-case hexadecimal of the microseconds
// since 1970 and of the process that made it, as Postfix's long ids look in a log. A message that
// another one gave rise to has the parent's id and a suffix: -F0 (forward of recipient 0), -B0
// (report whose first recipient is 0), -W (warning of delay): so a crash cannot make it twice.
struct QueueId {
  std::string value;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated 0 for a pointer
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
  std::string parent;  // "QUEUEID:0,2" of the message and its recipients this came from, or empty
  std::vector<Recipient> recipients;
  [[nodiscard]] bool has_pending() const;
};

QueueId make_queue_id(WallTime now, std::uint64_t distinction);
class IdSource {  // ids of this process
 public:
  QueueId next(WallTime now);

 private:
  WallTime last_{};
};
// Letters, digits and '-', at most 100 octets: the only names that a queue looks at.
bool is_queue_id(std::string_view text);

QueueId forward_id(const QueueId& parent, std::size_t recipient_index);
QueueId bounce_id(const QueueId& parent, std::size_t first_recipient_index);
QueueId warning_id(const QueueId& parent);
std::optional<QueueId> parent_of(const QueueId& id);  // by its suffix

// Of a recipient inside a delivery: stable over retries, so that stores can tell them apart.
std::string delivery_id(const QueueId& id, std::size_t recipient_index);

}  // namespace mail::queue
