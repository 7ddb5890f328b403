// Targets: the right-hand side of aliases(5), the lines of a .forward file and of an :include:
// file.
//
//   user  "quoted user"  user@domain  <user@domain>  \user
//   /file/name   "/file with spaces"   "|command arg"   |command   :include:/file/name
//
// separated by commas (and, in .forward and :include: files, newlines). Double quotes hold a target
// together; inside them \" and \\ stand for the octet itself. Comments in parentheses are dropped
// outside quotes and commands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mail::alias {

struct Target {
  enum class Kind : std::uint8_t { Address, File, Command, Include };
  Kind kind = Kind::Address;
  std::string text;        // addr-spec or local name as written; absolute path; command line
  bool no_expand = false;  // \user

  bool operator==(const Target&) const = default;
};

struct TargetList {
  std::vector<Target> targets;
  std::vector<std::string> mistakes;  // "command is empty", ...: for people
};

inline constexpr std::size_t kMaxTargetOctets = 4096;
inline constexpr std::size_t kMaxTargets = 10000;

// A list on one (logical) line.
TargetList parse_targets(std::string_view text);
// A .forward or :include: file: one or more targets a line, '#' lines are comments.
struct FileTargets {
  struct Line {
    std::size_t number = 0;
    TargetList list;
  };
  std::vector<Line> lines;
};
FileTargets parse_target_file(std::string_view text);

// Local part and domain of an address target; the domain is empty for a local name. Quotes in the
// local part are taken off.
struct LocalAndDomain {
  std::string local_part, domain;
};
LocalAndDomain split_address(std::string_view address);

}  // namespace mail::alias
