// MIME structure of a message (RFC 2045, 2046): a tree of parts by offsets into the octets, found
// by feeding the message in pieces of any size. No body is held; header sections are held while
// they are read, and those of messages (the message itself, and each message/rfc822 inside) stay.
//
// The parser is total: any octets give a tree and a list of defects; the same octets give the same
// tree however they are divided. Line ends may be LF or CRLF, mixed too. Memory is bounded by the
// limits below.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/message/content_type.h"
#include "libmail/message/header_section.h"
#include "libmail/message/transfer_encoding.h"

namespace mail::message {

// Tubepost's own limits; what lies beyond them is read as the text of the part it stands in.
inline constexpr std::size_t kMaxDepth = 64;                       // parts inside one another
inline constexpr std::size_t kMaxParts = 5'000;                    // in one message
inline constexpr std::size_t kMaxBoundary = 256;                   // octets; RFC 2046 allows 70
inline constexpr std::size_t kMaxPartHeader = 64UL * 1024;         // octets of a body part's header
inline constexpr std::size_t kMaxHeldHeaders = 8UL * 1024 * 1024;  // of all parts together

// A range of the message, as stored and as it is with CRLF line ends.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t octets = 0;
  std::uint64_t crlf_octets = 0;
  std::uint64_t lines = 0;  // line ends in it

  [[nodiscard]] std::uint64_t end() const { return offset + octets; }
  bool operator==(const Extent&) const = default;
};

struct Part {
  ContentType content_type;   // in effect: the default where none is given or readable
  std::string encoding_name;  // lower case; "7bit" where none is given
  TransferEncoding encoding = TransferEncoding::Identity;
  std::optional<std::string> id, description, md5, language, location;  // unfolded field bodies
  std::optional<Disposition> disposition;
  Extent header;               // with its empty line
  Extent body;                 // without the line end that belongs to a boundary
  std::vector<Part> children;  // of a multipart; of a message/rfc822 the one message in it
  HeaderSection fields;        // of a message; empty for other parts

  // A multipart always has children: one in which none was found is read as text/plain. A
  // message/rfc822 (or message/global) always has exactly one child, or is read as octet-stream.
  [[nodiscard]] bool is_multipart() const { return content_type.type == "multipart"; }
  [[nodiscard]] bool holds_message() const { return !is_multipart() && !children.empty(); }
};

enum class StructureDefect : std::uint8_t {
  UnclosedMultipart,  // the end came before the closing boundary
  NoBoundary,         // multipart without a usable boundary parameter
  NoParts,            // its boundary never comes
  HeaderWithoutEnd,   // a part's header section runs into a boundary or the end
  HeaderCut,
  TooDeep,
  TooManyParts,
};

struct Structure {
  Part root;
  std::vector<StructureDefect> defects;  // each kind at most once
};

class StructureParser {
 public:
  StructureParser();
  ~StructureParser();
  StructureParser(StructureParser&&) noexcept;
  StructureParser& operator=(StructureParser&&) noexcept;
  StructureParser(const StructureParser&) = delete;
  StructureParser& operator=(const StructureParser&) = delete;

  void feed(std::string_view octets);
  Structure finish();  // once; the parser is spent then

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

Structure parse_structure(std::string_view octets);

// The part that an IMAP section number names (RFC 3501 section 6.4.5): {1, 2} for "1.2"; the empty
// number is the message itself. Null if there is none.
const Part* find_part(const Part& root, std::span<const std::uint32_t> numbers);

}  // namespace mail::message
