// The Wire view over a stored message (mailbox.h), and the mbox bookkeeping fields it leaves out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/store/mailbox.h"

namespace mail::store {

// Octets [begin, end) of the stored message.
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// Whether programs keep mailbox state in a field of that name in an mbox: Status, X-Status,
// X-Keywords, X-UID, X-IMAP, X-IMAPbase, Content-Length.
bool is_bookkeeping_field(std::string_view name);

// Octets of a line in which a field's colon has to stand, for it to have a name that counts.
inline constexpr std::size_t kMaxFieldName = 64;
// The name of the field that begins with `line`, of which the first kMaxFieldName octets are
// enough; without blanks around it. Empty: it begins none, or one whose name nobody looks at.
std::string_view field_name_of(std::string_view line);

// Whether such a field begins with `line`, told like that; at once, of most lines.
bool begins_bookkeeping_field(std::string_view line);

// Finds them in the header section of `stored`; reads no further than the empty line.
Result<std::vector<Range>> find_bookkeeping_fields(MessageReader& stored);

// CRLF line ends, `hidden` (ascending) left out. `wire_size` is what that comes to
// (MessageInfo::size).
std::unique_ptr<MessageReader> make_wire_view(std::unique_ptr<MessageReader> stored,
                                              std::vector<Range> hidden, std::uint64_t wire_size);

// A message in memory: the twin's, and tests'.
class StringReader final : public MessageReader {
 public:
  explicit StringReader(std::string octets) : octets_(std::move(octets)) {}
  [[nodiscard]] std::uint64_t size() const override { return octets_.size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override;

 private:
  std::string octets_;
};

// All of it, up to `limit` octets: for tests and small messages.
Result<std::string> read_all(MessageReader& reader, std::uint64_t limit = 64ULL << 20U);

// From_ line for a format that keeps none: sender of the Return-Path field, `date` in local time;
// without its line end.
Result<std::string> compose_from_line(MessageReader& stored, WallTime date);

}  // namespace mail::store
