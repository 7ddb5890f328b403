// Configuration: Postfix's main.cf and Dovecot's dovecot.conf, read into typed values.
//
// Two namespaces, as a parameter may exist in both with different defaults: a value belongs to the
// namespace of the file it stands in, in a main.cf also to Dovecot's if only Dovecot knows its
// name. Later files win within a namespace. Everything is checked when it is read: load() gives
// either a Configuration, whose typed accessors then cannot fail, or every mistake there is, each
// with FILE:LINE (DESIGN.md section 6). What a server does without one is its caller's affair
// (DESIGN.md section 2).
//
// The values are text that was checked; files and tables named in them are opened by their users,
// with two exceptions: /file items of lists are replaced by the file's content here, and Dovecot's
// `<FILE` stays for whoever needs it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/config/assignment.h"
#include "libmail/config/filter.h"
#include "libmail/config/host.h"
#include "libmail/config/mistake.h"
#include "libmail/config/parameter.h"
#include "libmail/config/values.h"

namespace mail::config {

inline const std::string kDefaultPath = "/etc/tubepost/main.cf";

struct Source {
  Grammar grammar = Grammar::Postfix;
  std::string path;
};
// The argument of `-c`: FILE, postfix:FILE or dovecot:FILE. Without a prefix the grammar goes by
// name: main.cf and *.cf are Postfix's, *.conf is Dovecot's. Error Config where neither fits.
Result<Source> parse_source(std::string_view argument);

// One setting of the command line (`-o NAME=VALUE`, as in Postfix's master.cf) among the arguments
// of load(): it goes by a main.cf's rules and holds over every file, over `protocol NAME { }` too.
// So one port can be told apart from the others.
std::string command_line_setting(std::string_view name_and_value);
// The files that the arguments name, or the default one.
std::vector<std::string> files_named(const std::vector<std::string>& arguments);

class Configuration;

// Typed access to one namespace. The name must be in the parameter table with a type that fits the
// accessor (a bug otherwise: std::logic_error).
class Reader {
 public:
  // Text, Raw, Path, Choice; any other type as it is written, after expansion.
  [[nodiscard]] std::string get_string(std::string_view name) const;
  [[nodiscard]] bool get_bool(std::string_view name) const;
  [[nodiscard]] std::uint64_t get_integer(std::string_view name) const;  // may be kUnlimited
  [[nodiscard]] std::uint64_t get_size(std::string_view name) const;     // may be kUnlimited
  [[nodiscard]] std::chrono::milliseconds get_duration(std::string_view name) const;
  // List, MatchList, Networks: the items, /file items replaced by the file's.
  [[nodiscard]] std::vector<std::string> get_list(std::string_view name) const;
  [[nodiscard]] bool is_set(std::string_view name) const;  // in a file, not by default
  [[nodiscard]] Origin origin(std::string_view name) const;

 private:
  friend class Configuration;
  Reader(const Configuration& config, Space space, std::vector<std::string> filters)
      : config_(&config), space_(space), filters_(std::move(filters)) {}
  [[nodiscard]] const Parameter& row(std::string_view name) const;
  [[nodiscard]] std::string spelling(std::string_view name) const;

  const Configuration* config_;
  Space space_;
  std::vector<std::string> filters_;  // filters_for(), the most special first
};

class Configuration {
 public:
  // The Readers keep a pointer to this object.
  [[nodiscard]] Reader postfix() const& { return {*this, Space::Postfix, {}}; }
  Reader postfix() const&& = delete;
  // With a protocol ("imap", "pop3", "lmtp", "lda") what stands in `protocol NAME { }` goes first;
  // with more that is known of the connection, what stands in the other filters (filter.h).
  [[nodiscard]] Reader dovecot(std::string protocol = "") const& {
    return dovecot(Connection{std::move(protocol), {}, {}, {}});
  }
  [[nodiscard]] Reader dovecot(const Connection& connection) const& {
    return {*this, Space::Dovecot, filters_for(section_order_, connection)};
  }
  Reader dovecot(std::string protocol = "") const&& = delete;
  Reader dovecot(const Connection& connection) const&& = delete;
  // Names of the sections of a kind, in the order of the files: sections("namespace"),
  // sections("namespace/inbox/mailbox"). "\s" stands for '/' in a name.
  [[nodiscard]] std::vector<std::string> sections(std::string_view path) const;
  // A setting as a file has it, filters left out of account; null where none makes it.
  [[nodiscard]] const Assignment* written(Space space, const std::string& name) const;
  // Whether any setting goes by the connection's addresses (local, remote).
  [[nodiscard]] bool depends_on_address() const;
  // Whether any of that holds for this one.
  [[nodiscard]] bool depends_on_address(const Connection& connection) const;

  [[nodiscard]] const Mistakes& warnings() const { return warnings_; }
  // Every file read; an accepting parent looks at them before each child.
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }

  // One line per parameter that we know and per setting made: `name = value  # origin`, with the
  // default where it differs, namespace by namespace. What --print-config shows. With a protocol
  // the values that hold for it.
  [[nodiscard]] std::vector<std::string> print(const std::string& protocol = "") const;

  // The settings made, for a process that must not read the files (anew): load_serialized() makes
  // the same of it, without those whose names say password or secret.
  [[nodiscard]] std::string serialize() const;

 private:
  friend class Reader;
  friend class Loader;
  using Key = std::pair<Space, std::string>;

  [[nodiscard]] std::string value_of(Space space, const std::string& name) const;
  [[nodiscard]] std::optional<std::string> raw_value(std::string_view name) const;
  [[nodiscard]] std::string default_of(Space space, std::string_view name) const;
  // `spelling`: what sets the parameter `name`, in a filter perhaps.
  [[nodiscard]] std::string describe(Space space, const std::string& name,
                                     const std::string& spelling) const;

  std::map<Key, Assignment> settings_;
  std::map<std::string, std::vector<std::string>> file_items_;  // "/file" -> its items
  std::vector<std::pair<std::string, std::string>> section_order_;
  Host host_;
  std::string own_name_;  // qualified_name(host_), where the values lean on it
  Mistakes warnings_;
  std::vector<std::string> files_;
};

using Loaded = tl::expected<Configuration, Mistakes>;
// `arguments` as given to -c, and command_line_setting()s; no file: kDefaultPath, whose absence is
// a warning, not a mistake.
Loaded load(const std::vector<std::string>& arguments);
// The same from sources and a host described by the caller (tests).
Loaded load(const std::vector<Source>& sources, const Host& host);
// From text already read, as if it stood in the file `source.path` (tests, fuzzing).
Loaded load_text(const std::vector<std::pair<Source, std::string>>& texts, const Host& host);

Loaded load_serialized(std::string_view octets);

// Error Config (exit status 78) whose log_text holds every mistake, one a line (log::error_lines).
Error to_error(const Mistakes& mistakes);

// For programs that a person types; the warnings are logged.
Result<Configuration> load_or_fail(const std::vector<std::string>& arguments);

}  // namespace mail::config
