#include "libmail/alias/map.h"

#include <pwd.h>

#include <array>
#include <map>
#include <optional>
#include <utility>

#include "libmail/alias/aliases_file.h"
#include "libmail/alias/compile.h"
#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/table/cdb_file.h"
#include "libmail/table/table.h"

namespace mail::alias {
namespace {

tl::unexpected<Error> no_entry() { return fail(Errc::NotFound, "No such alias"); }

// Account that owns `path`; empty for root and where there is none: default_privs then.
std::string owner_of(const std::string& path) {
  const auto status = sys::stat(path);
  if (!status || status->st_uid == 0) return {};
  std::array<char, 16384> buffer{};
  struct passwd account {};
  struct passwd* found = nullptr;
  if (::getpwuid_r(status->st_uid, &account, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return {};
  }
  return account.pw_name;
}

class CompiledMap final : public Map {
 public:
  CompiledMap(table::CdbFile file, std::string path)
      : file_(std::move(file)), path_(std::move(path)), runs_as_(owner_of(path_)) {}

  Result<Entry> find(std::string_view name) override {
    if (name.starts_with('\1')) return no_entry();  // our own keys
    auto targets = TRY(file_.find(name));
    if (!targets) return no_entry();
    const auto line = TRY(file_.find(std::string(kLineKey) + std::string(name)));
    return Entry{*std::move(targets), line ? path_ + ":" + *line : path_};
  }
  [[nodiscard]] std::string runs_as() const override { return runs_as_; }
  std::string notice() override {
    const auto made_from = file_.find(kSourceKey);
    if (!made_from || !*made_from) return {};
    const auto now = source_state(path_);
    if (now.empty() || now == **made_from) return {};
    return path_ + " was edited, but newaliases has not been run since";
  }

 private:
  table::CdbFile file_;
  std::string path_;
  std::string runs_as_;
};

class TextMap final : public Map {
 public:
  TextMap(std::string_view text, std::string file, std::string runs_as)
      : file_(std::move(file)), runs_as_(std::move(runs_as)) {
    for (auto& alias : parse_aliases(text).aliases) {
      auto name = alias.name;
      entries_.try_emplace(std::move(name), std::move(alias));
    }
  }
  Result<Entry> find(std::string_view name) override {
    const auto entry = entries_.find(name);
    if (entry == entries_.end()) return no_entry();
    return Entry{entry->second.written, file_ + ":" + std::to_string(entry->second.line)};
  }
  [[nodiscard]] std::string runs_as() const override { return runs_as_; }

 private:
  std::string file_;
  std::string runs_as_;
  std::map<std::string, AliasLine, std::less<>> entries_;
};

class TableMap final : public Map {
 public:
  TableMap(std::unique_ptr<table::Table> table, std::string spec)
      : table_(std::move(table)), spec_(std::move(spec)) {}
  Result<Entry> find(std::string_view name) override {
    auto targets = TRY(table_->find(name));
    if (!targets) return no_entry();
    return Entry{*std::move(targets), spec_};
  }
  [[nodiscard]] std::string runs_as() const override { return {}; }

 private:
  std::unique_ptr<table::Table> table_;
  std::string spec_;
};

class BrokenMap final : public Map {
 public:
  explicit BrokenMap(Error error) : error_(std::move(error)) {}
  Result<Entry> find(std::string_view /*name*/) override { return fail(error_); }
  [[nodiscard]] std::string runs_as() const override { return {}; }

 private:
  Error error_;
};

// Whatever was wrong, the mail can wait for it to be mended.
Error as_later(const Error& error, const std::string& spec) {
  return make_error(Errc::Unavailable, "Alias database unavailable", spec + ": " + error.log_text);
}

}  // namespace

Result<std::unique_ptr<Map>> open_map(std::string_view text) {
  const auto spec = table::parse_spec(text);
  if (!spec) {
    return fail(Errc::Config, "Alias database unavailable",
                "not a lookup table (type:name): " + std::string(text));
  }
  if (!table::is_file_type(spec->type) || spec->type == "texthash") {
    return std::make_unique<TableMap>(TRY(table::open(*spec, table::Substitution::Forbid)),
                                      std::string(text));
  }
  auto compiled = table::CdbFile::open(spec->name + std::string(table::kCdbSuffix));
  if (compiled) return std::make_unique<CompiledMap>(*std::move(compiled), spec->name);
  if (compiled.error().code != Errc::NotFound || spec->type == "cdb") {
    return tl::unexpected(std::move(compiled).error());
  }
  const auto content = TRY(sys::read_file(spec->name));
  return make_text_map(content, spec->name, owner_of(spec->name));
}

std::vector<std::unique_ptr<Map>> open_maps(const std::vector<std::string>& specs) {
  std::vector<std::unique_ptr<Map>> maps;
  for (const auto& spec : specs) {
    auto map = open_map(spec);
    if (map) {
      maps.push_back(*std::move(map));
    } else if (map.error().code != Errc::Unsupported) {
      maps.push_back(std::make_unique<BrokenMap>(as_later(map.error(), spec)));
    }
  }
  return maps;
}

std::unique_ptr<Map> make_text_map(std::string_view text, std::string file, std::string runs_as) {
  return std::make_unique<TextMap>(text, std::move(file), std::move(runs_as));
}

}  // namespace mail::alias
