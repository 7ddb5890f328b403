// EndPoint: where a recipient address leads once aliases are expanded (aliases(5), S79-S89).
// Each end point becomes a recipient record of its own (DESIGN.md section 4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mail::alias {

enum class Kind : std::uint8_t {
  User,     // a local account: its mailbox, by way of its .forward unless `no_forward`
  File,     // /file or /directory/: appended as the owner of the aliases file or default_privs
  Command,  // "|command": run as the owner of the aliases file or default_privs, never as root
  Remote,   // user@elsewhere: goes to the queue
  Include,  // :include:/file: deliver reads it as the owner of the aliases file or default_privs
};
// Names as the queue file has them: "user", "file", "command", "remote", "include".
std::string_view to_string(Kind kind);
std::optional<Kind> kind_from_string(std::string_view name);

struct EndPoint {
  Kind kind = Kind::User;
  std::string target;  // account name; absolute path; command line without '|'; addr-spec; path
  std::string original_to;  // the envelope recipient as accepted: X-Original-To and Delivered-To
  std::string owner;        // envelope sender from owner-NAME (RFC 5321 section 3.9.2), or empty
  std::string
      runs_as;  // for File, Command and Include: account that owns the map; empty: default_privs
  bool no_forward = false;  // \user

  bool operator==(const EndPoint&) const = default;
};

}  // namespace mail::alias
