// Address lists of header fields (RFC 5322 section 3.4, with the obsolete forms of section 4.4).
//
// The reader is total: any octets give the best reading there is, plus a list of defects with their
// positions. It never recurses and takes time linear in its input. What is tolerated is listed in
// docs/violations.md. Encoded words (RFC 2047) stay as they are: message/encoded_word.h decodes
// them; octets outside US-ASCII pass through untouched.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "libmail/address/addr_spec.h"

namespace mail::address {

struct NameAddr {
  std::string display_name;  // unquoted; empty if none
  AddrSpec addr_spec;        // both parts empty for "<>"
  std::string route;         // obsolete source route "@a,@b" (IMAP's "at-domain-list"), or empty
  std::string comment;       // text of the last comment beside it: "ann@x (Ann Example)"

  // Display name, or the comment that stands for it in old mail.
  [[nodiscard]] const std::string& name() const {
    return display_name.empty() ? comment : display_name;
  }
  bool operator==(const NameAddr&) const = default;
};

struct Group {
  std::string display_name;
  std::vector<NameAddr> members;
  bool operator==(const Group&) const = default;
};

using Address = std::variant<NameAddr, Group>;

enum class DefectKind : std::uint8_t {
  MissingDomain,  // "root": a local name
  EmptyAddress,   // "<>" or ","-separated nothing with a display name
  UnclosedQuote,  // '"' without its partner, read as an ordinary character
  UnclosedComment,
  UnclosedLiteral,
  UnclosedAngle,
  UnclosedGroup,
  StrayCharacter,       // a special or control character where none may be
  UnquotedDisplayName,  // "a@b <a@b>", "Ann, X. <a@b>"
  SemicolonAsComma,
  BadLocalPart,      // empty, or with leading, trailing or doubled dots
  BadDomain,         // likewise
  TooManyAddresses,  // the rest was left out
};

struct Defect {
  DefectKind kind;
  std::size_t offset;  // into the text that was parsed
  bool operator==(const Defect&) const = default;
};

struct AddressList {
  std::vector<Address> addresses;
  std::vector<Defect> defects;  // at most kMaxDefects
};

inline constexpr std::size_t kMaxAddresses = 20'000;  // in one list; Tubepost's own limit
inline constexpr std::size_t kMaxDefects = 100;

// A field body, folded or unfolded.
AddressList parse_address_list(std::string_view field_body);
// All addresses in order, those of groups included.
std::vector<NameAddr> flatten(const AddressList& list);

// For header fields: "Ann Example" <ann@example.org>. Octets outside US-ASCII stay UTF-8 (RFC
// 6532); message/generate.h encodes them.
std::string to_string(const NameAddr& address);
std::string to_string(const Address& address);
// As a phrase: atoms as they are, anything else as a quoted-string.
std::string quote_phrase(std::string_view text);

}  // namespace mail::address
