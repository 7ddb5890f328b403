// The records between an asking program (smtp-recv, smtp-send, deliver --lmtp) and deliver, as
// docs/delivery-records.md has them: kRecordSize octets each, one per packet, fields at fixed
// places. Both sides parse with parse_record(), which accepts only what the table there allows:
// known version and type, lengths within their field, no control characters, zeros where nothing
// stands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libmail/alias/end_point.h"
#include "libmail/base/result.h"
#include "libmail/local/conversation.h"

namespace mail::local {

inline constexpr std::size_t kRecordSize = 4096;
inline constexpr std::uint16_t kRecordVersion = 1;

enum class RecordType : std::uint16_t {
  Check = 1,        // asker: can this end point take `size` octets?
  Deliver = 2,      // asker: store it; the message's descriptor comes with this packet
  Go = 3,           // asker: after Committing
  Outcome = 17,     // deliver: answer to Check, or the end of a delivery
  Committing = 18,  // deliver: holds the lock, nothing but storing is left; waits for Go
  ForwardTo = 19,   // deliver: one address of `.forward` or :include:, in `target`; before Outcome
};

struct Record {
  RecordType type = RecordType::Check;
  // Check and Deliver.
  alias::Kind kind = alias::Kind::User;
  bool from_queue = false;
  bool no_forward = false;
  std::uint64_t size = 0;
  std::uint64_t arrived_microseconds = 0;
  std::string delivery_id;
  std::string queue_id;
  std::string reverse_path;
  std::string target;
  std::string original_to;
  std::string owner;
  std::string runs_as;
  // Outcome.
  Answer answer = Answer::Later;
  EnhancedStatus status;
  bool kept_copy = false;
  std::string text;

  bool operator==(const Record&) const = default;
};

// Room for each text field, in octets.
inline constexpr std::size_t kMaxDeliveryId = 128;
inline constexpr std::size_t kMaxQueueId = 64;
inline constexpr std::size_t kMaxPathOctets = 512;  // RFC 5321 section 4.5.3.1.3 asks for 256
inline constexpr std::size_t kMaxAccount = 64;
inline constexpr std::size_t kMaxText = 512;
inline constexpr std::size_t kMaxTarget = 1728;

// TooLarge when a text does not fit, Syntax when it holds a control character.
Result<std::string> encode_record(const Record& record);
Result<Record> parse_record(std::string_view octets);

// What a Check or Deliver record names.
alias::EndPoint end_point_of(const Record& record);
Record request_for(RecordType type, const alias::EndPoint& end_point);

// A text cut and cleaned so that it fits an Outcome: child's output, log texts of others.
std::string clean_text(std::string_view text, std::size_t limit = kMaxText);

}  // namespace mail::local
