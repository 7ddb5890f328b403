#include "libmail/imap/message_data.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/imap/body_structure.h"
#include "libmail/store/message_cache.h"

namespace mail::imap {

namespace {

constexpr std::size_t kFirstRead = 2U << 10U;  // most header sections are shorter
constexpr std::size_t kNextRead = 64U << 10U;  // at most

using Kind = store::MessageCache::Kind;

// What the cache keeps of a header section: what clients ask for in lists, threads and searches.
// Ascending; Kind::Fields means these and no others.
constexpr std::array<std::string_view, 44> kCachedFields{"bcc",
                                                         "cc",
                                                         "content-description",
                                                         "content-disposition",
                                                         "content-id",
                                                         "content-transfer-encoding",
                                                         "content-type",
                                                         "date",
                                                         "delivered-to",
                                                         "disposition-notification-to",
                                                         "followup-to",
                                                         "from",
                                                         "importance",
                                                         "in-reply-to",
                                                         "keywords",
                                                         "lines",
                                                         "list-archive",
                                                         "list-help",
                                                         "list-id",
                                                         "list-owner",
                                                         "list-post",
                                                         "list-subscribe",
                                                         "list-unsubscribe",
                                                         "message-id",
                                                         "mime-version",
                                                         "newsgroups",
                                                         "organization",
                                                         "priority",
                                                         "references",
                                                         "reply-to",
                                                         "resent-date",
                                                         "resent-from",
                                                         "resent-to",
                                                         "return-path",
                                                         "sender",
                                                         "subject",
                                                         "to",
                                                         "user-agent",
                                                         "x-label",
                                                         "x-mailer",
                                                         "x-original-to",
                                                         "x-priority",
                                                         "x-spam-flag",
                                                         "x-spam-status"};

bool is_cached(std::string_view name) {
  return std::binary_search(kCachedFields.begin(), kCachedFields.end(), name, ascii::ILess{});
}

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

Result<store::MessageReader*> MessageData::reader() {
  if (!reader_) reader_ = TRY(mailbox_->open(uid_, store::View::Wire));
  return reader_.get();
}

Result<const message::HeaderSection*> MessageData::header() {
  if (structure_) return &structure_->root.fields;
  if (header_) return &*header_;
  auto* const from = TRY(reader());
  std::string octets;
  std::size_t searched = 0;
  while (octets.size() < message::kMaxHeaderSection + kNextRead) {
    const std::size_t begin = octets.size();
    octets.resize(begin + std::clamp(3 * begin, kFirstRead, kNextRead));
    const std::size_t count = TRY(from->read(begin, std::span<char>(octets).subspan(begin)));
    octets.resize(begin + count);
    if (count == 0 || octets.starts_with("\r\n")) break;
    if (octets.find("\r\n\r\n", searched) != std::string::npos) break;
    searched = octets.size() < 3 ? 0 : octets.size() - 3;
  }
  header_ = message::HeaderSection::parse(octets);
  return &*header_;
}

Result<const message::HeaderSection*> MessageData::fields(std::span<const std::string_view> names) {
  store::MessageCache* const cache = mailbox_->cache();
  if (cache == nullptr || !std::all_of(names.begin(), names.end(), is_cached)) return header();
  if (cached_fields_) return &*cached_fields_;
  if (const auto octets = cache->find(uid_, Kind::Fields)) {
    cached_fields_ = message::HeaderSection::parse(*octets);
    return &*cached_fields_;
  }
  const auto* const whole = TRY(header());
  std::string kept;
  for (const auto& field : whole->fields()) {
    if (!is_cached(whole->name(field))) continue;
    kept += whole->raw(field);
    if (!kept.ends_with('\n')) kept += "\r\n";
  }
  cache->add(uid_, Kind::Fields, kept);
  return whole;
}

Result<const message::Structure*> MessageData::structure() {
  if (structure_) return &*structure_;
  auto* const from = TRY(reader());
  message::StructureParser parser;
  const auto room = std::clamp<std::uint64_t>(from->size(), 1, kNextRead);
  std::string buffer(static_cast<std::size_t>(room), '\0');
  for (std::uint64_t at = 0;;) {
    const std::size_t count = TRY(from->read(at, buffer));
    if (count == 0) break;
    parser.feed(std::string_view(buffer).substr(0, count));
    at += count;
  }
  structure_ = parser.finish();
  return &*structure_;
}

Result<std::string_view> MessageData::body_structure() {
  store::MessageCache* const cache = structure_ ? nullptr : mailbox_->cache();
  if (cache != nullptr) {
    if (const auto octets = cache->find(uid_, Kind::BodyStructure)) return *octets;
  }
  const auto* const whole = TRY(structure());
  body_structure_.clear();
  put_body(body_structure_, whole->root, true);
  if (cache != nullptr) cache->add(uid_, Kind::BodyStructure, body_structure_);
  return body_structure_;
}

// A section without part number needs no structure.
Result<SectionText> MessageData::find_in_message(const Section& section) {
  if (section.what == Section::What::HeaderFields) {
    const std::vector<std::string_view> names(section.fields.begin(), section.fields.end());
    SectionText selected;
    selected.text = select_fields(*TRY(fields(names)), section);
    return selected;
  }
  const std::uint64_t size = TRY(reader())
  ->size();
  if (section.what == Section::What::All) return of_range(0, size);
  const auto* const fields = TRY(header());
  if (section.what == Section::What::HeaderFieldsNot) {
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
