// A line of dovecot.conf, apart from sections and files: octets to one of the forms below, as
// Dovecot 2.3's own parser takes them (tests/interop/dovecot_grammar.py compares the two).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mail::config {

struct DovecotLine {
  enum class Form : std::uint8_t {
    Setting,       // key = value; the value may hold $names
    QuotedValue,   // key = "value", key = 'value'
    FileValue,     // key = <FILE; the value is "<FILE"
    SectionBegin,  // key {     key value {     key "value" {
    SectionEnd,    // }
    Include,       // !include value
    IncludeTry,
    Wrong,  // value says why
  };
  Form form = Form::Wrong;
  std::string key;
  std::string value;
};

// From one whole line, comment and surrounding white space cut.
DovecotLine parse_dovecot_line(std::string_view line);

// A text's lines without comments: continued ones joined by one space, empty ones left out.
struct JoinedLine {
  std::string text;
  std::size_t number = 0;  // of its first physical line
};
struct JoinedLines {
  std::vector<JoinedLine> lines;
  // Lines of doubtful meaning; what Dovecot makes of them holds.
  std::vector<std::pair<std::size_t, std::string>> warnings;
};
JoinedLines join_dovecot_lines(std::string_view text);

// \" and \\ and, as Dovecot has it, \x for any x; a last lone backslash goes.
std::string unescape_dovecot(std::string_view text);

}  // namespace mail::config
