#include "libmail/imap/sequence_set.h"

#include <algorithm>

namespace mail::imap {

namespace {

// seq-number = nz-number / "*"
Result<std::uint32_t> parse_seq_number(Cursor& in) {
  if (in.consume('*')) return SequenceSet::kStar;
  const auto number = ascii::to_number<std::uint32_t>(in.take_while(ascii::is_digit));
  if (!number || *number == 0) return fail(Errc::Syntax, "Invalid sequence number");
  return *number;
}

}  // namespace

void SequenceSet::append(std::uint32_t number) {
  if (!ranges_.empty() && ranges_.back().last + 1 == number) {
    ranges_.back().last = number;
  } else {
    ranges_.push_back({number, number});
  }
}

std::vector<SequenceSet::Range> SequenceSet::resolve(std::uint32_t largest) const {
  std::vector<Range> sorted;
  sorted.reserve(ranges_.size());
  for (const auto& range : ranges_) {
    const std::uint32_t first = range.first == kStar ? largest : range.first;
    const std::uint32_t last = range.last == kStar ? largest : range.last;
    sorted.push_back({std::min(first, last), std::max(first, last)});
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  std::vector<Range> joined;
  for (const auto& range : sorted) {
    if (!joined.empty() && std::uint64_t{range.first} <= std::uint64_t{joined.back().last} + 1) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

bool SequenceSet::exceeds(std::uint32_t largest) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    const bool has_star = range.first == kStar || range.last == kStar;
    if (largest == 0 && has_star) return false;  // "1:*" of an empty mailbox is nothing, no error
    return range.first > largest || range.last > largest;
  });
}

std::string SequenceSet::to_string() const {
  std::string text;
  for (const auto& range : ranges_) {
    if (!text.empty()) text += ',';
    text += range.first == kStar ? "*" : std::to_string(range.first);
    if (range.last != range.first) {
      text += ':';
      text += range.last == kStar ? "*" : std::to_string(range.last);
    }
  }
  return text;
}

bool contains(const std::vector<SequenceSet::Range>& resolved, std::uint32_t number) {
  const auto after =
      std::upper_bound(resolved.begin(), resolved.end(), number,
                       [](std::uint32_t n, const auto& range) { return n < range.first; });
  return after != resolved.begin() && std::prev(after)->last >= number;
}

Result<SequenceSet> parse_sequence_set(Cursor& in) {
  SequenceSet set;
  do {
    if (set.ranges().size() >= SequenceSet::kMaxRanges) {
      return fail(Errc::TooMany, "Too many ranges in the sequence set");
    }
    const std::uint32_t first = TRY(parse_seq_number(in));
    std::uint32_t last = first;
    if (in.consume(':')) last = TRY(parse_seq_number(in));
    set.add(first, last);
  } while (in.consume(','));
  return set;
}

}  // namespace mail::imap
