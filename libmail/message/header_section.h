// Header section of a message or body part (RFC 5322 section 2.2), with LF or CRLF line ends.
//
// The reader is total: any octets give fields and defects. A HeaderSection owns a copy of the
// octets, from the first field up to the empty line exclusive; views it returns live as long as it
// does and are not disturbed by moving or copying the object they came from only if that object
// stays alive. A line before the first field that is no field (an mbox "From " line, ">From ") is a
// defect and belongs to no field; everything up to the first empty line counts as header, as IMAP's
// BODY[HEADER] needs it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mail::message {

inline constexpr std::size_t kMaxHeaderSection = 1024UL * 1024;  // octets held; the rest is cut
inline constexpr std::size_t kMaxHeaderFields = 20'000;          // fields told apart in one section

enum class HeaderDefect : std::uint8_t {
  NoColon,           // a line that is neither field nor folding
  SpaceBeforeColon,  // obsolete syntax, RFC 5322 section 4.5
  BadFieldName,      // an octet that no field name may have
  FoldedFirstLine,   // the section begins with white space
  Cut,               // longer than kMaxHeaderSection
  TooManyFields,
  Nul,
};

// Offsets are octets from the beginning of the section.
struct HeaderField {
  std::size_t offset = 0;  // of the name
  std::size_t name_size = 0;
  std::size_t body_offset = 0;  // behind the colon
  std::size_t body_size = 0;    // without the last line end; folds inside are kept
  std::size_t size = 0;         // name to last line end inclusive

  bool operator==(const HeaderField&) const = default;
};

class HeaderSection {
 public:
  HeaderSection() = default;
  // Reads `octets` up to the first empty line or its end; `octets` may hold more (a body), which is
  // not kept.
  static HeaderSection parse(std::string_view octets);

  [[nodiscard]] const std::vector<HeaderField>& fields() const { return fields_; }
  [[nodiscard]] const std::vector<HeaderDefect>& defects() const { return defects_; }
  [[nodiscard]] bool empty() const { return fields_.empty(); }
  // What was read, without the empty line.
  [[nodiscard]] std::string_view octets() const { return octets_; }
  // Octets consumed of what parse() was given: the section and, if there was one, its empty line.
  [[nodiscard]] std::size_t consumed() const { return consumed_; }
  [[nodiscard]] bool has_empty_line() const { return consumed_ > octets_.size(); }

  [[nodiscard]] std::string_view name(const HeaderField& field) const;
  [[nodiscard]] std::string_view raw_body(const HeaderField& field) const;
  [[nodiscard]] std::string_view raw(const HeaderField& field) const;  // with its last line end

  // Body of the first field of that name (without regard to case), unfolded; or nothing.
  [[nodiscard]] std::optional<std::string> find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> find_all(std::string_view name) const;
  [[nodiscard]] const HeaderField* find_field(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;  // e.g. Received, for loops

 private:
  void note(HeaderDefect defect);
  void add_line(std::size_t begin, std::size_t end);

  std::string octets_;
  std::vector<HeaderField> fields_;
  std::vector<HeaderDefect> defects_;  // each kind at most once
  std::size_t consumed_ = 0;
  bool in_field_ = false;
};

// RFC 5322 section 2.2.3: line ends before white space are removed; white space at both ends too.
// CR, LF and NUL that stand elsewhere become spaces, so the result is always one line.
std::string unfold(std::string_view raw_body);

// 1*ftext (RFC 5322 section 3.6.8).
bool is_field_name(std::string_view name);

}  // namespace mail::message
