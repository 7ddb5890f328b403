// SequenceSet: sequence-set of RFC 3501 section 9, of message sequence numbers or of UIDs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmail/base/cursor.h"
#include "libmail/base/result.h"

namespace mail::imap {

class SequenceSet {
 public:
  static constexpr std::uint32_t kStar = 0;  // "*": the largest number in use
  static constexpr std::size_t kMaxRanges = 32768;

  struct Range {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    bool operator==(const Range&) const = default;
  };

  void add(std::uint32_t first, std::uint32_t last) { ranges_.push_back({first, last}); }
  // Ascending numbers, joined into ranges as they come.
  void append(std::uint32_t number);

  // Ascending, disjoint ranges with "*" replaced by `largest`, each first <= last. "3:*" holds
  // `largest` even if that is below 3 (RFC 3501 section 6.4.8).
  [[nodiscard]] std::vector<Range> resolve(std::uint32_t largest) const;
  // Whether a sequence number is beyond `largest`: BAD (numbers of a session's own view).
  [[nodiscard]] bool exceeds(std::uint32_t largest) const;

  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }
  [[nodiscard]] std::string to_string() const;  // "1:3,7"
  bool operator==(const SequenceSet&) const = default;

 private:
  std::vector<Range> ranges_;
};

bool contains(const std::vector<SequenceSet::Range>& resolved, std::uint32_t number);

// sequence-set = (seq-number / seq-range) *("," sequence-set)
Result<SequenceSet> parse_sequence_set(Cursor& in);

}  // namespace mail::imap
