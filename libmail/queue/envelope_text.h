// The envelope as it stands at the beginning of a queue file and of a file in drop/
// (docs/queue-file.md): lines that less(1) shows, one octet per recipient changed in place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/queue/envelope.h"

namespace mail::queue {

inline constexpr std::size_t kMaxEnvelopeOctets = 64U << 20U;
inline constexpr std::size_t kFirstLineOctets = 54;

struct EnvelopeText {
  std::string octets;
  std::vector<std::uint64_t> state_offsets;  // of each recipient's status octet, from the beginning
};
EnvelopeText serialize(const Envelope& envelope);

// The first line: how long envelope and message are.
struct FirstLine {
  std::uint64_t envelope_octets = 0;  // with this line: where the message begins
  std::uint64_t message_octets = 0;
};
Result<FirstLine> parse_first_line(std::string_view line);

struct ParsedEnvelope {
  Envelope envelope;
  std::vector<std::uint64_t> state_offsets;
};
// All of the envelope's octets, first line included. Corrupt: not ours, cut, or a wrong checksum.
Result<ParsedEnvelope> parse_envelope(std::string_view octets);

// One line's value: backslash and controls as \xHH, so that a line end never ends it.
std::string encode_value(std::string_view value);
Result<std::string> decode_value(std::string_view text);

// The side file ID.try: when to try again, how often it was tried, and why each pending recipient
// is still here. Nothing is lost with it; what cannot be read is as if never written.
struct Attempts {
  WallTime next_try{};
  unsigned count = 0;
  struct Reason {
    std::size_t recipient = 0;
    EnhancedStatus status;
    std::string text;
  };
  std::vector<Reason> reasons;
};
std::string serialize(const Attempts& attempts);
Attempts parse_attempts(std::string_view text);

std::string format_time(WallTime time);  // "1790000000.123456"
Result<WallTime> parse_time(std::string_view text);
Result<EnhancedStatus> parse_enhanced_status(std::string_view text);  // "4.4.1"

}  // namespace mail::queue
