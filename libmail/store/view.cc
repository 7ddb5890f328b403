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

class WireReader final : public MessageReader {
 public:
  WireReader(std::unique_ptr<MessageReader> stored, std::vector<Range> hidden, std::uint64_t size)
      : stored_(std::move(stored)), hidden_(std::move(hidden)), size_(size) {
    checkpoints_.push_back({});
  }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override;
  [[nodiscard]] const MessageFile* file() const override {
    return hidden_.empty() ? stored_->file() : nullptr;
  }

 private:
  struct Place {
    std::uint64_t wire = 0;
    std::uint64_t stored = 0;
    message::ToCrlf to_crlf;
  };
  // The next `octets` of what is stored into out_; false at the end.
  Result<bool> produce(std::size_t octets);

  std::unique_ptr<MessageReader> stored_;
  std::vector<Range> hidden_;
  std::uint64_t size_;
  std::vector<Place> checkpoints_;
  Place next_;       // where the next chunk begins
  std::string out_;  // wire octets [next_.wire - out_.size(), next_.wire)
  std::string in_;
};

Result<bool> WireReader::produce(std::size_t octets) {
  const std::uint64_t size = stored_->size();
  const std::uint64_t left = size > next_.stored ? size - next_.stored : kLeastChunk;
  in_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(octets, left)));
  const std::size_t got = TRY(stored_->read(next_.stored, in_));
  out_.clear();
  if (got == 0) return false;
  out_.reserve(got + got / 16);
  const std::uint64_t end = next_.stored + got;
  std::uint64_t at = next_.stored;
  const auto feed_to = [&](std::uint64_t upto) {
    if (upto <= at) return;
    const auto piece = std::string_view{in_}.substr(static_cast<std::size_t>(at - next_.stored),
                                                    static_cast<std::size_t>(upto - at));
    next_.to_crlf.feed(piece, out_);
    at = upto;
  };
  for (const Range& range : hidden_) {
    if (range.end <= at) continue;
    if (range.begin >= end) break;
    feed_to(std::min(range.begin, end));
    at = std::max(at, std::min(range.end, end));
  }
  feed_to(end);
  next_.stored = end;
  next_.wire += out_.size();
  if (end >= checkpoints_.back().stored + kCheckpointEvery) checkpoints_.push_back(next_);
  return true;
}

Result<std::size_t> WireReader::read(std::uint64_t offset, std::span<char> into) {
  if (offset >= size_ || into.empty()) return std::size_t{0};
  if (offset < next_.wire - out_.size()) {
    const auto after = std::upper_bound(
        checkpoints_.begin(), checkpoints_.end(), offset,
        [](std::uint64_t wanted, const Place& place) { return wanted < place.wire; });
    next_ = *std::prev(after);
    out_.clear();
  }
  while (offset >= next_.wire) {
    // Who asks for little wants the header section, as a rule, of a message that may be long.
    if (!TRY(produce(std::clamp(into.size(), kLeastChunk, kChunk)))) return std::size_t{0};
  }
  const auto from = static_cast<std::size_t>(offset - (next_.wire - out_.size()));
  const std::size_t count = std::min(into.size(), out_.size() - from);
  std::memcpy(into.data(), out_.data() + from, count);
  return count;
}

}  // namespace

bool is_bookkeeping_field(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"Status", "X-Status", "X-Keywords", "X-UID", "X-IMAP", "X-IMAPbase", "Content-Length"});
  const char first = name.empty() ? '\0' : ascii::to_lower(name.front());
  if (first != 's' && first != 'x' && first != 'c') return false;
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view known) { return ascii::iequals(name, known); });
}

std::string_view field_name_of(std::string_view line) {
  if (line.empty() || ascii::is_wsp(line.front())) return {};
  const auto end = line.substr(0, kMaxFieldName).find_first_of(":\n");
  if (end == std::string_view::npos || line.at(end) != ':') return {};
  return ascii::trim(line.substr(0, end));
}

Result<std::vector<Range>> find_bookkeeping_fields(MessageReader& stored) {
  std::vector<Range> found;
  std::array<char, kLeastChunk> chunk{};
  std::string start;         // the first octets of the line
  std::uint64_t at = 0;      // octets read
  std::uint64_t line = 0;    // where the line began
  std::uint64_t length = 0;  // of the line so far
  bool hiding = false;       // the field that the line belongs to
  const auto end_line = [&](std::uint64_t end) {
    const bool is_folding = !start.empty() && ascii::is_wsp(start.front());
    if (!is_folding) hiding = is_bookkeeping_field(field_name_of(start));
    if (hiding) {
      if (!found.empty() && found.back().end == line) {
        found.back().end = end;
      } else {
        found.push_back({line, end});
      }
    }
  };
  for (;;) {
    const std::size_t got = TRY(stored.read(at, chunk));
    if (got == 0) break;
    for (std::string_view rest{chunk.data(), got}; !rest.empty();) {
      const auto line_feed = rest.find('\n');
      const auto piece = rest.substr(0, line_feed);
      start += piece.substr(0, kMaxFieldName - start.size());
      at += piece.size();
      length += piece.size();
      rest.remove_prefix(piece.size());
      if (line_feed == std::string_view::npos) break;
      rest.remove_prefix(1);
      ++at;
      if (length == 0 || (length == 1 && start == "\r")) return found;  // the empty line
      end_line(at);
      line = at;
      length = 0;
      start.clear();
    }
  }
  if (length > 0) end_line(at);
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
