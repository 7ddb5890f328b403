#include "libmail/store/view.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "libmail/base/ascii.h"
#include "libmail/message/from_line.h"
#include "libmail/message/header_section.h"
#include "libmail/message/line_ends.h"

namespace mail::store {
namespace {

constexpr std::size_t kChunk = 64UL * 1024;
constexpr std::size_t kLeastChunk = 2UL * 1024;
constexpr std::uint64_t kCheckpointEvery = 1ULL
                                           << 20U;  // stored octets between places to go back to

// Some of the stored octets from `at` on; empty at the end. They live as long as what `stored` may
// peek at, and `buffer`.
Result<std::string_view> octets_at(MessageReader& stored, std::uint64_t at, std::size_t octets,
                                   std::string& buffer) {
  if (const auto there = TRY(stored.peek(at, octets)); !there.empty()) return there;
  buffer.resize(octets);
  const std::size_t got = TRY(stored.read(at, buffer));
  return std::string_view{buffer}.substr(0, got);
}

class WireReader final : public MessageReader {
 public:
  WireReader(std::unique_ptr<MessageReader> stored, std::vector<Range> hidden, std::uint64_t size)
      : stored_(std::move(stored)), hidden_(std::move(hidden)), size_(size) {}
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override;
  [[nodiscard]] const MessageFile* file() const override {
    return hidden_.empty() ? stored_->file() : nullptr;
  }
  [[nodiscard]] bool may_have_dots() const override { return has_dots_; }

 private:
  struct Place {
    std::uint64_t wire = 0;
    std::uint64_t stored = 0;
    message::ToCrlf to_crlf;
  };
  Result<void> go_to(std::uint64_t offset);
  Result<std::size_t> produce(std::span<char> into);
  Result<std::string_view> next_stored(std::size_t octets);
  std::size_t convert(std::string_view stored, std::span<char> into);

  std::unique_ptr<MessageReader> stored_;
  std::vector<Range> hidden_;
  std::uint64_t size_;
  std::vector<Place> checkpoints_;
  Place next_;  // behind what was read last
  bool has_dots_ = false;
  std::string buffer_;  // stored octets from buffer_at_ on, where there was nothing to peek at
  std::uint64_t buffer_at_ = 0;
};

// Some of what is stored behind what was read last; empty at the end.
Result<std::string_view> WireReader::next_stored(std::size_t octets) {
  const std::uint64_t at = next_.stored;
  if (at >= buffer_at_ && at - buffer_at_ < buffer_.size()) {
    return std::string_view{buffer_}.substr(static_cast<std::size_t>(at - buffer_at_));
  }
  const std::uint64_t size = stored_->size();
  const std::uint64_t left = size > at ? size - at : kLeastChunk;
  if (const auto there = TRY(stored_->peek(at, std::min<std::uint64_t>(octets, left)));
      !there.empty()) {
    return there;
  }
  // Who asks for little wants the header section, as a rule, of a message that may be long.
  octets = std::clamp(octets, kLeastChunk, kChunk);
  buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(octets, left)));
  buffer_at_ = at;
  const auto got = stored_->read(at, buffer_);
  buffer_.resize(got.value_or(0));
  if (!got) return fail(got.error());
  return std::string_view{buffer_};
}

// As much of `stored`, which comes next, as there is room for.
std::size_t WireReader::convert(std::string_view stored, std::span<char> into) {
  const std::uint64_t begin = next_.stored;
  const std::uint64_t end = begin + stored.size();
  std::size_t given = 0;
  const auto give_to = [&](std::uint64_t upto) {
    if (upto <= next_.stored) return;
    auto piece = stored.substr(static_cast<std::size_t>(next_.stored - begin),
                               static_cast<std::size_t>(upto - next_.stored));
    given += next_.to_crlf.feed(piece, into.subspan(given));
    next_.stored = upto - piece.size();
  };
  for (const Range& range : hidden_) {
    if (range.end <= next_.stored) continue;
    if (range.begin >= end) break;
    give_to(range.begin);
    if (next_.stored < range.begin) break;  // no room
    next_.stored = std::min(range.end, end);
  }
  give_to(end);
  return given;
}

// What comes next, as much as there is room for; 0 at the end.
Result<std::size_t> WireReader::produce(std::span<char> into) {
  std::size_t given = 0;
  while (given < into.size() && (given == 0 || next_.stored < stored_->size())) {
    const auto stored = TRY(next_stored(into.size() - given));
    if (stored.empty()) break;
    const std::size_t converted = convert(stored, into.subspan(given));
    next_.wire += converted;
    given += converted;
  }
  const std::uint64_t last = checkpoints_.empty() ? 0 : checkpoints_.back().stored;
  if (next_.stored >= last + kCheckpointEvery) checkpoints_.push_back(next_);
  return given;
}

Result<void> WireReader::go_to(std::uint64_t offset) {
  const auto after = std::upper_bound(
      checkpoints_.begin(), checkpoints_.end(), offset,
      [](std::uint64_t wanted, const Place& place) { return wanted < place.wire; });
  const Place known = after == checkpoints_.begin() ? Place{} : *std::prev(after);
  if (offset < next_.wire || known.wire > next_.wire) next_ = known;
  std::string passed;
  while (next_.wire < offset) {
    passed.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, offset - next_.wire)));
    if (TRY(produce(passed)) == 0) break;
  }
  return {};
}

Result<std::size_t> WireReader::read(std::uint64_t offset, std::span<char> into) {
  if (offset >= size_ || into.empty()) return std::size_t{0};
  if (offset != next_.wire) TRY(go_to(offset));
  if (offset != next_.wire) return std::size_t{0};
  next_.to_crlf.has_met_dot();
  auto given = produce(into);
  has_dots_ = next_.to_crlf.has_met_dot();
  return given;
}

}  // namespace

bool is_bookkeeping_field(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"Status", "X-Status", "X-Keywords", "X-UID", "X-IMAP", "X-IMAPbase", "Content-Length"});
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view known) {
    return name.size() == known.size() && ascii::iequals(name, known);
  });
}

std::string_view field_name_of(std::string_view line) {
  if (line.empty() || ascii::is_wsp(line.front())) return {};
  const auto end = line.substr(0, kMaxFieldName).find(':');
  const auto name = line.substr(0, end);
  if (end == std::string_view::npos || name.find('\n') != std::string_view::npos) return {};
  return ascii::trim(name);
}

bool begins_bookkeeping_field(std::string_view line) {
  const char first = line.empty() ? '\0' : ascii::to_lower(line.front());
  if (first != 's' && first != 'x' && first != 'c') return false;
  return is_bookkeeping_field(field_name_of(line));
}

Result<std::vector<Range>> find_bookkeeping_fields(MessageReader& stored) {
  std::vector<Range> found;
  std::string chunk;
  std::string start;         // the first octets of the line, where it comes in pieces
  std::uint64_t at = 0;      // octets read
  std::uint64_t line = 0;    // where the line began
  std::uint64_t length = 0;  // of the line so far
  bool hiding = false;       // the field that the line belongs to
  const auto end_line = [&](std::string_view text, std::uint64_t end) {
    const bool is_folding = !text.empty() && ascii::is_wsp(text.front());
    if (!is_folding) hiding = begins_bookkeeping_field(text);
    if (hiding) {
      if (!found.empty() && found.back().end == line) {
        found.back().end = end;
      } else {
        found.push_back({line, end});
      }
    }
  };
  for (;;) {
    auto rest = TRY(octets_at(stored, at, kLeastChunk, chunk));
    if (rest.empty()) break;
    while (!rest.empty()) {
      const auto line_feed = rest.find('\n');
      const auto piece = rest.substr(0, line_feed);
      at += piece.size();
      length += piece.size();
      rest.remove_prefix(piece.size());
      const bool is_whole = line_feed != std::string_view::npos && length == piece.size();
      if (!is_whole) start += piece.substr(0, kMaxFieldName - start.size());
      if (line_feed == std::string_view::npos) break;
      const std::string_view text = is_whole ? piece : start;
      rest.remove_prefix(1);
      ++at;
      if (length == 0 || (length == 1 && text == "\r")) return found;  // the empty line
      end_line(text, at);
      line = at;
      length = 0;
      start.clear();
    }
  }
  if (length > 0) end_line(start, at);
  return found;
}

std::unique_ptr<MessageReader> make_wire_view(std::unique_ptr<MessageReader> stored,
                                              std::vector<Range> hidden, std::uint64_t wire_size) {
  return std::make_unique<WireReader>(std::move(stored), std::move(hidden), wire_size);
}

Result<std::size_t> StringReader::read(std::uint64_t offset, std::span<char> into) {
  if (offset >= octets_.size()) return std::size_t{0};
  return octets_.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
}

Result<std::string> read_all(MessageReader& reader, std::uint64_t limit) {
  std::string all;
  std::string chunk(kChunk, '\0');
  for (;;) {
    const std::size_t got = TRY(reader.read(all.size(), chunk));
    if (got == 0) return all;
    all.append(chunk, 0, got);
    if (all.size() > limit) return fail(Errc::TooLarge, "Message too large");
  }
}

Result<std::string> compose_from_line(MessageReader& stored, WallTime date) {
  std::string head(kChunk, '\0');
  head.resize(TRY(stored.read(0, head)));
  const auto header = message::HeaderSection::parse(head);
  std::string sender = header.find("Return-Path").value_or("");
  if (sender.starts_with('<') && sender.ends_with('>'))
    sender = sender.substr(1, sender.size() - 2);
  std::string line = message::format_from_line(sender, message::to_local(date));
  line.pop_back();
  return line;
}

}  // namespace mail::store
