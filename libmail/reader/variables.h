// Variables of mail-reader (POSIX mailx "set"; spec: Heirloom's with RHEL's rc). A variable is
// absent, set without value (binary), or set to a string.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mail::reader {

class Variables {
 public:
  // What the shipped rc turns on: hold append ask crt dot keep emptybox quote showname showto
  // autocollapse bsdcompat newmail=nopoll indentprefix="> " (docs/mail-reader.md).
  static Variables shipped();

  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> find(std::string_view name) const;
  [[nodiscard]] std::string get(std::string_view name, std::string_view otherwise = {}) const;
  // "name", "name=value", "noname" (unsets name). False when the text has no name.
  bool assign(std::string_view assignment);
  void unset(std::string_view name);
  // "name" and name="value" lines in order, as `set` without arguments prints them.
  [[nodiscard]] std::string list() const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// Which header fields are shown: `ignore` and `retain` (which wins when it names any).
class FieldFilter {
 public:
  static FieldFilter shipped();  // received in-reply-to message-id references mime-version c-t-e
  void ignore(std::string_view field);
  void retain(std::string_view field);
  [[nodiscard]] bool shows(std::string_view field) const;
  [[nodiscard]] const std::vector<std::string>& ignored() const { return ignored_; }
  [[nodiscard]] const std::vector<std::string>& retained() const { return retained_; }

 private:
  std::vector<std::string> ignored_;  // lower case
  std::vector<std::string> retained_;
};

}  // namespace mail::reader
