// FETCH: fetch-att, section and macros (RFC 3501 section 6.4.5 and 9; MODSEQ of RFC 7162).
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/imap/grammar.h"
#include "libmail/imap/parser.h"

namespace mail::imap {

namespace {

using Kind = FetchItem::Kind;

// header-list = "(" header-fld-name *(SP header-fld-name) ")"
Result<std::vector<std::string>> parse_header_list(Cursor& in) {
  std::vector<std::string> fields;
  TRY(expect_space(in));
  TRY(in.expect('('));
  do {
    fields.push_back(TRY(parse_astring(in)));
    if (fields.size() > kMaxFetchItems) return fail(Errc::TooMany, "Too many header fields");
  } while (in.consume(' '));
  TRY(in.expect(')'));
  return fields;
}

// section-part = nz-number *("." nz-number), then "." section-text
Result<Section> parse_section(Cursor& in) {
  Section section;
  TRY(in.expect('['));
  bool needs_text = true;
  while (ascii::is_digit(in.peek())) {
    const std::uint32_t number = TRY(parse_number(in));
    if (number == 0) return fail(Errc::Syntax, "Body parts are numbered from 1");
    section.part.push_back(number);
    if (section.part.size() > kMaxPartDepth) return fail(Errc::TooMany, "Too many levels");
    needs_text = in.consume('.');
    if (!needs_text) break;
  }
  if (in.consume(']')) {
    if (!section.part.empty() && needs_text) return fail(Errc::Syntax, "Invalid section");
    return section;
  }
  if (!needs_text) return fail(Errc::Syntax, "Invalid section");
  if (in.consume_nocase("HEADER.FIELDS.NOT")) {
    section.what = Section::What::HeaderFieldsNot;
    section.fields = TRY(parse_header_list(in));
  } else if (in.consume_nocase("HEADER.FIELDS")) {
    section.what = Section::What::HeaderFields;
    section.fields = TRY(parse_header_list(in));
  } else if (in.consume_nocase("HEADER")) {
    section.what = Section::What::Header;
  } else if (in.consume_nocase("TEXT")) {
    section.what = Section::What::Text;
  } else if (!section.part.empty() && in.consume_nocase("MIME")) {
    section.what = Section::What::Mime;  // only after a section-part
  } else {
    return fail(Errc::Syntax, "Invalid section");
  }
  TRY(in.expect(']'));
  return section;
}

// "<" number "." nz-number ">"
Result<void> parse_partial(Cursor& in, FetchItem& item) {
  item.origin = TRY(parse_number64(in));
  TRY(in.expect('.'));
  item.count = TRY(parse_number64(in));
  if (item.count == 0) return fail(Errc::Syntax, "A partial count of 0");
  return in.expect('>');
}

Result<FetchItem> parse_fetch_att(Cursor& in) {
  struct Named {
    std::string_view name;
    Kind kind;
  };
  static constexpr std::array<Named, 10> kNamed{{{"FLAGS", Kind::Flags},
                                                 {"UID", Kind::Uid},
                                                 {"INTERNALDATE", Kind::InternalDate},
                                                 {"RFC822.SIZE", Kind::Rfc822Size},
                                                 {"ENVELOPE", Kind::Envelope},
                                                 {"BODYSTRUCTURE", Kind::BodyStructure},
                                                 {"RFC822.HEADER", Kind::Rfc822Header},
                                                 {"RFC822.TEXT", Kind::Rfc822Text},
                                                 {"RFC822", Kind::Rfc822},
                                                 {"MODSEQ", Kind::ModSeq}}};
  const auto name = in.take_while([](char c) { return ascii::is_alnum(c) || c == '.'; });
  FetchItem item;
  for (const auto& named : kNamed) {
    if (!ascii::iequals(named.name, name)) continue;
    item.kind = named.kind;
    item.peek = named.kind != Kind::Rfc822 && named.kind != Kind::Rfc822Text;
    return item;
  }
  item.peek = ascii::iequals(name, "BODY.PEEK");
  if (!item.peek && !ascii::iequals(name, "BODY")) return fail(Errc::Syntax, "Unknown FETCH item");
  if (!in.peek_is('[')) {
    if (item.peek) return fail(Errc::Syntax, "BODY.PEEK needs a section");
    item.kind = Kind::Body;
    item.peek = true;
    return item;
  }
  item.kind = Kind::BodySection;
  item.section = TRY(parse_section(in));
  if (in.consume('<')) TRY(parse_partial(in, item));
  return item;
}

void add_macro(std::vector<FetchItem>& items, std::initializer_list<Kind> kinds) {
  for (const Kind kind : kinds) {
    FetchItem item;
    item.kind = kind;
    item.peek = true;
    items.push_back(std::move(item));
  }
}

// "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"
Result<std::vector<FetchItem>> parse_items(Cursor& in) {
  std::vector<FetchItem> items;
  if (in.consume('(')) {
    do {
      items.push_back(TRY(parse_fetch_att(in)));
      if (items.size() > kMaxFetchItems) return fail(Errc::TooMany, "Too many FETCH items");
    } while (in.consume(' '));
    TRY(in.expect(')'));
    return items;
  }
  const std::size_t begin = in.position();
  const auto word = in.take_while(ascii::is_alpha);
  if (ascii::iequals(word, "ALL")) {
    add_macro(items, {Kind::Flags, Kind::InternalDate, Kind::Rfc822Size, Kind::Envelope});
  } else if (ascii::iequals(word, "FAST")) {
    add_macro(items, {Kind::Flags, Kind::InternalDate, Kind::Rfc822Size});
  } else if (ascii::iequals(word, "FULL")) {
    add_macro(items,
              {Kind::Flags, Kind::InternalDate, Kind::Rfc822Size, Kind::Envelope, Kind::Body});
  } else {
    in.rewind(begin);
    items.push_back(TRY(parse_fetch_att(in)));
  }
  return items;
}

}  // namespace

// fetch = "FETCH" SP sequence-set SP items [SP "(CHANGEDSINCE" SP mod-sequence ")"]
Result<Fetch> parse_fetch(Cursor& in) {
  Fetch fetch;
  TRY(expect_space(in));
  fetch.set = TRY(parse_sequence_set(in));
  TRY(expect_space(in));
  fetch.items = TRY(parse_items(in));
  if (in.consume(' ')) {
    TRY(in.expect_nocase("(CHANGEDSINCE "));
    fetch.changed_since = TRY(parse_number64(in));
    TRY(in.expect(')'));
  }
  return fetch;
}

}  // namespace mail::imap
