#include "libmail/imap/message_data.h"

#include <algorithm>

#include "libmail/base/ascii.h"

namespace mail::imap {

namespace {

constexpr std::size_t kFirstRead = 2U << 10U;  // most header sections are shorter
constexpr std::size_t kNextRead = 64U << 10U;  // at most

// HEADER.FIELDS and HEADER.FIELDS.NOT: always with the empty line (RFC 3501 section 6.4.5).
std::string select_fields(const message::HeaderSection& header, const Section& section) {
  const bool wanted = section.what == Section::What::HeaderFields;
  std::string text;
  for (const auto& field : header.fields()) {
    const auto name = header.name(field);
    const bool is_listed = std::any_of(section.fields.begin(), section.fields.end(),
                                       [&](const auto& f) { return ascii::iequals(f, name); });
    if (is_listed != wanted) continue;
    text += header.raw(field);
    if (!text.ends_with('\n')) text += "\r\n";
  }
  return text + "\r\n";
}

SectionText of_range(std::uint64_t offset, std::uint64_t octets) {
  return {false, std::nullopt, offset, octets};
}

SectionText nothing() { return {true, std::nullopt, 0, 0}; }

}  // namespace

Result<MessageData> MessageData::open(store::Mailbox& mailbox, store::Uid uid) {
  return MessageData { TRY(mailbox.open(uid, store::View::Wire)) };
}

Result<const message::HeaderSection*> MessageData::header() {
  if (structure_) return &structure_->root.fields;
  if (header_) return &*header_;
  std::string octets;
  std::size_t searched = 0;
  while (octets.size() < message::kMaxHeaderSection + kNextRead) {
    const std::size_t begin = octets.size();
    octets.resize(begin + std::clamp(3 * begin, kFirstRead, kNextRead));
    const std::size_t count = TRY(reader_->read(begin, std::span<char>(octets).subspan(begin)));
    octets.resize(begin + count);
    if (count == 0 || octets.starts_with("\r\n")) break;
    if (octets.find("\r\n\r\n", searched) != std::string::npos) break;
    searched = octets.size() < 3 ? 0 : octets.size() - 3;
  }
  header_ = message::HeaderSection::parse(octets);
  return &*header_;
}

Result<const message::Structure*> MessageData::structure() {
  if (structure_) return &*structure_;
  message::StructureParser parser;
  std::string buffer(kNextRead, '\0');
  for (std::uint64_t at = 0;;) {
    const std::size_t count = TRY(reader_->read(at, buffer));
    if (count == 0) break;
    parser.feed(std::string_view(buffer).substr(0, count));
    at += count;
  }
  structure_ = parser.finish();
  return &*structure_;
}

// A section without part number needs no structure.
Result<SectionText> MessageData::find_in_message(const Section& section) {
  const std::uint64_t size = reader_->size();
  if (section.what == Section::What::All) return of_range(0, size);
  const auto* fields = TRY(header());
  if (section.what == Section::What::HeaderFields ||
      section.what == Section::What::HeaderFieldsNot) {
    SectionText selected;
    selected.text = select_fields(*fields, section);
    return selected;
  }
  const std::uint64_t header_octets =
      structure_ ? structure_->root.header.octets : fields->consumed();
  if (section.what == Section::What::Header) return of_range(0, std::min(size, header_octets));
  return of_range(std::min(size, header_octets), size - std::min(size, header_octets));
}

Result<SectionText> MessageData::find_section(const Section& section) {
  if (section.part.empty()) return find_in_message(section);
  const auto* whole = TRY(structure());
  const auto* part = message::find_part(whole->root, section.part);
  if (part == nullptr) return nothing();
  switch (section.what) {
    case Section::What::All:
      return of_range(part->body.offset, part->body.octets);
    case Section::What::Mime:
      return of_range(part->header.offset, part->header.octets);
    default:
      break;
  }
  // HEADER and TEXT of a part are those of the message in it (RFC 3501 section 6.4.5).
  if (!part->holds_message()) return nothing();
  const auto& inner = part->children.front();
  switch (section.what) {
    case Section::What::Header:
      return of_range(inner.header.offset, inner.header.octets);
    case Section::What::Text:
      return of_range(inner.body.offset, inner.body.octets);
    default: {
      SectionText selected;
      selected.text = select_fields(inner.fields, section);
      return selected;
    }
  }
}

}  // namespace mail::imap
