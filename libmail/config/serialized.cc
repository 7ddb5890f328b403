// A configuration on its way from the process that read its files to one that must not read them
// again: netstrings (LENGTH:OCTETS), the sections' order first.
#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/config/config.h"
#include "libmail/config/loader.h"

namespace mail::config {
namespace {

void put(std::string& out, std::string_view field) {
  out += std::to_string(field.size());
  out += ':';
  out += field;
}

// A session's user can read its memory: ssl_key_password and the like stay behind, and what a
// passdb is told (`driver = static, args = password=...`).
bool is_secret(const Assignment& setting) {
  const std::string_view name = setting.name;
  const std::string_view value = setting.value;
  if (name.find("passdb/") != std::string_view::npos &&
      (value.find("password") != std::string_view::npos ||
       value.find("pass=") != std::string_view::npos)) {
    return true;
  }
  return name.find("password") != std::string_view::npos ||
         name.find("secret") != std::string_view::npos;
}

class Fields {
 public:
  explicit Fields(std::string_view octets) : rest_(octets) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool is_damaged() const { return damaged_; }
  std::string text() {
    const auto colon = rest_.find(':');
    const auto length = ascii::to_number<std::size_t>(rest_.substr(0, colon));
    if (colon == std::string_view::npos || !length || *length > rest_.size() - colon - 1) {
      damaged_ = true;
      return {};
    }
    const auto field = rest_.substr(colon + 1, *length);
    rest_.remove_prefix(colon + 1 + *length);
    return std::string(field);
  }
  std::size_t number() {
    const auto value = ascii::to_number<std::size_t>(text());
    damaged_ = damaged_ || !value;
    return value.value_or(0);
  }

 private:
  std::string_view rest_;
  bool damaged_ = false;
};

}  // namespace

std::string Configuration::serialize() const {
  std::string out;
  put(out, std::to_string(section_order_.size()));
  for (const auto& [kind, name] : section_order_) {
    put(out, kind);
    put(out, name);
  }
  const auto is_kept = [](const auto& entry) { return !is_secret(entry.second); };
  put(out, std::to_string(std::count_if(settings_.begin(), settings_.end(), is_kept)));
  for (const auto& [key, setting] : settings_) {
    if (is_secret(setting)) continue;
    put(out, std::string(1, setting.space == Space::Dovecot ? 'd' : 'p') +
                 (setting.grammar == Grammar::Dovecot ? 'd' : 'p'));
    put(out, setting.name);
    put(out, setting.value);
    put(out, setting.origin.file);
    put(out, std::to_string(setting.origin.line));
  }
  // With what "/file"s say: whoever gets it may not be able to read them.
  put(out, std::to_string(file_items_.size()));
  for (const auto& [path, items] : file_items_) {
    put(out, path);
    put(out, std::to_string(items.size()));
    for (const auto& item : items) put(out, item);
  }
  return out;
}

Loaded load_serialized(std::string_view octets) {
  Fields in(octets);
  Reading reading;
  std::vector<std::pair<std::string, std::string>> section_order;
  for (std::size_t count = in.number(); count > 0 && !in.is_damaged(); --count) {
    std::string kind = in.text();
    section_order.emplace_back(std::move(kind), in.text());
  }
  for (std::size_t count = in.number(); count > 0 && !in.is_damaged(); --count) {
    Assignment setting;
    const std::string letters = in.text();
    setting.space = letters.starts_with('d') ? Space::Dovecot : Space::Postfix;
    setting.grammar = letters.ends_with('d') ? Grammar::Dovecot : Grammar::Postfix;
    setting.name = in.text();
    setting.value = in.text();
    setting.origin.file = in.text();
    setting.origin.line = in.number();
    reading.assignments.push_back(std::move(setting));
  }
  for (std::size_t count = in.number(); count > 0 && !in.is_damaged(); --count) {
    auto& items = reading.file_items[in.text()];
    for (std::size_t left = in.number(); left > 0 && !in.is_damaged(); --left) {
      items.push_back(in.text());
    }
  }
  if (in.is_damaged() || !in.at_end())
    return tl::unexpected(Mistakes{{{}, "handed-over configuration is damaged"}});
  return finish_loading(std::move(reading), Host::of_this_system(), std::move(section_order));
}

}  // namespace mail::config
