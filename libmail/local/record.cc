#include "libmail/local/record.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::local {
namespace {

struct TextField {
  std::string Record::*text;
  std::size_t room;
};
// In this order: eight lengths of two octets, then the texts.
constexpr auto kTexts = std::to_array<TextField>({
    {&Record::delivery_id, kMaxDeliveryId},
    {&Record::queue_id, kMaxQueueId},
    {&Record::reverse_path, kMaxPathOctets},
    {&Record::target, kMaxTarget},
    {&Record::original_to, kMaxPathOctets},
    {&Record::owner, kMaxPathOctets},
    {&Record::runs_as, kMaxAccount},
    {&Record::text, kMaxText},
});

constexpr std::size_t kFixedPart = 48;
constexpr std::size_t sum_of_rooms() {
  std::size_t sum = kFixedPart;
  for (const TextField& field : kTexts) sum += field.room;
  return sum;
}
static_assert(sum_of_rooms() <= kRecordSize);

constexpr std::uint32_t kFromQueue = 1;
constexpr std::uint32_t kNoForward = 2;
constexpr std::uint32_t kKeptCopy = 4;

void put(std::string& out, std::uint64_t value, unsigned octets) {
  for (unsigned i = 0; i < octets; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

std::uint64_t take_number(Cursor& in, unsigned octets) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < octets; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(in.next())) << (8 * i);
  }
  return value;
}

bool is_forbidden(char c) { return ascii::is_control(c) && c != '\t'; }

tl::unexpected<Error> bad(std::string_view what) {
  return fail(Errc::Syntax, "Bad delivery record", "delivery record: " + std::string(what));
}

// Which types, kinds and answers there are.
bool is_known_type(std::uint64_t value) {
  switch (static_cast<RecordType>(value)) {
    case RecordType::Check:
    case RecordType::Deliver:
    case RecordType::Go:
    case RecordType::Outcome:
    case RecordType::Committing:
    case RecordType::ForwardTo:
      return true;
  }
  return false;
}

}  // namespace

Result<std::string> encode_record(const Record& record) {
  std::string out;
  out.reserve(kRecordSize);
  put(out, kRecordVersion, 2);
  put(out, static_cast<std::uint16_t>(record.type), 2);
  put(out,
      (record.from_queue ? kFromQueue : 0) | (record.no_forward ? kNoForward : 0) |
          (record.kept_copy ? kKeptCopy : 0),
      4);
  put(out, static_cast<std::uint8_t>(record.kind), 1);
  put(out, static_cast<std::uint8_t>(record.answer), 1);
  put(out, record.status.cls, 2);
  put(out, record.status.subject, 2);
  put(out, record.status.detail, 2);
  put(out, record.size, 8);
  put(out, record.arrived_microseconds, 8);
  for (const TextField& field : kTexts) {
    const std::string& text = record.*field.text;
    if (text.size() > field.room) {
      return fail(Errc::TooLarge, "Address or command too long",
                  "delivery record: a text has " + std::to_string(text.size()) + " octets");
    }
    if (std::any_of(text.begin(), text.end(), is_forbidden)) return bad("control character");
    put(out, text.size(), 2);
  }
  for (const TextField& field : kTexts) {
    out += record.*field.text;
    out.append(field.room - (record.*field.text).size(), '\0');
  }
  out.resize(kRecordSize, '\0');
  return out;
}

Result<Record> parse_record(std::string_view octets) {
  if (octets.size() != kRecordSize) return bad("size " + std::to_string(octets.size()));
  Cursor in(octets);
  Record record;
  if (take_number(in, 2) != kRecordVersion) return bad("unknown version");
  const std::uint64_t type = take_number(in, 2);
  if (!is_known_type(type)) return bad("unknown type");
  record.type = static_cast<RecordType>(type);
  const std::uint64_t flags = take_number(in, 4);
  if ((flags & ~std::uint64_t{kFromQueue | kNoForward | kKeptCopy}) != 0) return bad("flags");
  record.from_queue = (flags & kFromQueue) != 0;
  record.no_forward = (flags & kNoForward) != 0;
  record.kept_copy = (flags & kKeptCopy) != 0;
  const std::uint64_t kind = take_number(in, 1);
  if (kind > static_cast<std::uint8_t>(alias::Kind::Include)) return bad("unknown kind");
  record.kind = static_cast<alias::Kind>(kind);
  const std::uint64_t answer = take_number(in, 1);
  // The last two are conclusions of the asking side and never travel.
  if (answer > static_cast<std::uint8_t>(Answer::Forwarded)) return bad("unknown answer");
  record.answer = static_cast<Answer>(answer);
  const std::uint64_t cls = take_number(in, 2);
  if (cls != 0 && cls != 2 && cls != 4 && cls != 5) return bad("status class");
  record.status.cls = static_cast<std::uint8_t>(cls);
  record.status.subject = static_cast<std::uint16_t>(take_number(in, 2));
  record.status.detail = static_cast<std::uint16_t>(take_number(in, 2));
  if (record.status.subject > 999 || record.status.detail > 999) return bad("status");
  record.size = take_number(in, 8);
  record.arrived_microseconds = take_number(in, 8);

  std::array<std::size_t, kTexts.size()> lengths{};
  for (std::size_t& length : lengths) length = static_cast<std::size_t>(take_number(in, 2));
  const auto* length = lengths.begin();
  for (const TextField& field : kTexts) {
    const std::string_view room = in.take(field.room);
    if (*length > field.room) return bad("length");
    const std::string_view text = room.substr(0, *length);
    if (std::any_of(text.begin(), text.end(), is_forbidden)) return bad("control character");
    if (room.substr(*length).find_first_not_of('\0') != std::string_view::npos) {
      return bad("octets behind a text");
    }
    record.*field.text = text;
    ++length;
  }
  if (in.rest().find_first_not_of('\0') != std::string_view::npos) return bad("octets at the end");
  return record;
}

alias::EndPoint end_point_of(const Record& record) {
  alias::EndPoint end_point;
  end_point.kind = record.kind;
  end_point.target = record.target;
  end_point.original_to = record.original_to;
  end_point.owner = record.owner;
  end_point.runs_as = record.runs_as;
  end_point.no_forward = record.no_forward;
  return end_point;
}

Record request_for(RecordType type, const alias::EndPoint& end_point) {
  Record record;
  record.type = type;
  record.kind = end_point.kind;
  record.target = end_point.target;
  record.original_to = end_point.original_to;
  record.owner = end_point.owner;
  record.runs_as = end_point.runs_as;
  record.no_forward = end_point.no_forward;
  return record;
}

std::string clean_text(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : ascii::trim(text)) {
    if (out.size() == limit) break;
    out.push_back(ascii::is_printable(c) ? c : (ascii::is_space(c) ? ' ' : '?'));
  }
  return out;
}

}  // namespace mail::local
