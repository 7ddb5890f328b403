#include "libmail/table/table.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <utility>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/table/cdb_file.h"
#include "libmail/table/logical_lines.h"
#include "libmail/table/pattern_table.h"

namespace mail::table {
namespace {

using Found = Result<std::optional<std::string>>;

class MapTable final : public Table {
 public:
  explicit MapTable(std::map<std::string, std::string> entries) : entries_(std::move(entries)) {}
  Found find(std::string_view key) override {
    const auto entry = entries_.find(ascii::to_lower(key));
    if (entry == entries_.end()) return std::nullopt;
    return entry->second;
  }

 private:
  std::map<std::string, std::string> entries_;
};

class CdbTable final : public Table {
 public:
  explicit CdbTable(CdbFile file) : file_(std::move(file)) {}
  Found find(std::string_view key) override { return file_.find(ascii::to_lower(key)); }

 private:
  CdbFile file_;
};

class StaticTable final : public Table {
 public:
  explicit StaticTable(std::string value) : value_(std::move(value)) {}
  Found find(std::string_view /*key*/) override { return value_; }

 private:
  std::string value_;
};

class FailTable final : public Table {
 public:
  explicit FailTable(std::string reason) : reason_(std::move(reason)) {}
  Found find(std::string_view /*key*/) override {
    return fail(Errc::Unavailable, "Lookup table unavailable", "fail:" + reason_);
  }

 private:
  std::string reason_;
};

// getpwnam_r and getgrnam_r: 0 with a null result is "no such name"; anything else is "later".
class AccountTable final : public Table {
 public:
  explicit AccountTable(bool groups) : groups_(groups) {}
  Found find(std::string_view key) override {
    std::vector<char> buffer(16384);
    const std::string name(key);
    for (;;) {
      struct passwd account {};
      struct passwd* account_found = nullptr;
      struct group group {};
      struct group* group_found = nullptr;
      const int error =
          groups_
              ? ::getgrnam_r(name.c_str(), &group, buffer.data(), buffer.size(), &group_found)
              : ::getpwnam_r(name.c_str(), &account, buffer.data(), buffer.size(), &account_found);
      if (error == ERANGE && buffer.size() < (1U << 20U)) {
        buffer.resize(buffer.size() * 4);
        continue;
      }
      if (account_found != nullptr) return std::string(account.pw_name);
      if (group_found != nullptr) return std::string(group.gr_name);
      if (error == 0 || error == ENOENT || error == ESRCH) return std::nullopt;
      return fail(Errc::Unavailable, "Account database unavailable",
                  sys::error_from_errno(error, "getpwnam", name).log_text);
    }
  }

 private:
  bool groups_;
};

// "key white space value" per logical line; a key in double quotes may hold white space.
Result<std::map<std::string, std::string>> read_text(const std::string& path) {
  std::map<std::string, std::string> entries;
  const auto text = TRY(sys::read_file(path));
  for (const auto& line : split_logical_lines(text)) {
    std::string_view rest = ascii::trim(line.text);
    std::string_view key;
    if (rest.starts_with('"') && rest.find('"', 1) != std::string_view::npos) {
      key = rest.substr(1, rest.find('"', 1) - 1);
      rest.remove_prefix(key.size() + 2);
    } else {
      const auto end = rest.find_first_of(" \t");
      key = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
    }
    entries.try_emplace(ascii::to_lower(key), ascii::trim(rest));  // the first of two wins
  }
  return entries;
}

// inline:{ key=value, { key = value with, commas } }
std::map<std::string, std::string> read_inline(std::string_view text) {
  std::map<std::string, std::string> entries;
  text = ascii::trim(text);
  if (text.starts_with('{') && text.ends_with('}')) text = text.substr(1, text.size() - 2);
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    for (int depth = 0; end < text.size(); ++end) {
      const char c = text[end];
      if (c == '{') ++depth;
      if (c == '}') --depth;
      if (depth == 0 && (c == ',' || ascii::is_space(c))) break;
    }
    auto pair = ascii::trim(text.substr(at, end - at));
    if (pair.starts_with('{') && pair.ends_with('}')) pair = pair.substr(1, pair.size() - 2);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos) {
      entries.try_emplace(ascii::to_lower(ascii::trim(pair.substr(0, equals))),
                          ascii::trim(pair.substr(equals + 1)));
    }
    at = end + 1;
  }
  return entries;
}

Result<std::unique_ptr<Table>> open_text(const std::string& path) {
  return std::make_unique<MapTable>(TRY(read_text(path)));
}
Result<std::unique_ptr<Table>> open_cdb(const std::string& path) {
  return std::make_unique<CdbTable>(TRY(CdbFile::open(path + std::string(kCdbSuffix))));
}

}  // namespace

Result<std::unique_ptr<Table>> open(const Spec& spec, Substitution substitution) {
  if (spec.type == "texthash") return open_text(spec.name);
  if (spec.type == "cdb") return open_cdb(spec.name);
  if (is_file_type(spec.type)) {
    return sys::exists(spec.name + std::string(kCdbSuffix)) ? open_cdb(spec.name)
                                                            : open_text(spec.name);
  }
  if (spec.type == "static") return std::make_unique<StaticTable>(spec.name);
  if (spec.type == "inline") return std::make_unique<MapTable>(read_inline(spec.name));
  if (spec.type == "regexp" || spec.type == "pcre") {
    const auto syntax = spec.type == "pcre" ? PatternSyntax::Pcre : PatternSyntax::Regexp;
    return make_pattern_table(TRY(sys::read_file(spec.name)), spec.name, syntax, substitution);
  }
  if (spec.type == "fail") return std::make_unique<FailTable>(spec.name);
  if (spec.type == "unix" && (spec.name == "passwd.byname" || spec.name == "group.byname")) {
    return std::make_unique<AccountTable>(spec.name == "group.byname");
  }
  return fail(make_error(Errc::Unsupported, {4, 3, 5}, "Lookup table unavailable",
                         "table type not supported: " + spec.type + ":" + spec.name));
}

Result<std::unique_ptr<Table>> open(std::string_view spec) {
  const auto parsed = parse_spec(spec);
  if (!parsed) {
    return fail(Errc::Config, "Lookup table unavailable",
                "not a lookup table (type:name): " + std::string(spec));
  }
  // The analyzer loses the pointer in the move through expected; ASan sees no leak.
  return open(*parsed);  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks)
}

}  // namespace mail::table
