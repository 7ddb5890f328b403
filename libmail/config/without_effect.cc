#include "libmail/config/without_effect.h"

#include <algorithm>
#include <map>
#include <set>

#include "libmail/base/ascii.h"
#include "libmail/config/dovecot_sections.h"
#include "libmail/config/values.h"

namespace mail::config {
namespace {

// Certificates are the only settings of a name that a client asks for (bindings_tls.cc).
bool is_in_unused_filter(std::string_view name) {
  const auto steps = ascii::split(name, '/');
  bool has_local_name = false;
  for (std::size_t at = 0; at + 2 < steps.size() && is_dovecot_filter(steps[at]); at += 2) {
    has_local_name = has_local_name || steps[at] == "local_name";
  }
  if (!has_local_name) return false;
  const auto last = steps.back();
  const bool is_certificate =
      last == "ssl_cert" || last == "ssl_key" || last == "ssl_alt_cert" || last == "ssl_alt_key";
  return !is_certificate || steps.size() != 3;
}

// Without the filters around it, and of a listener only what it is.
std::vector<std::string_view> steps_of(std::string_view name) {
  auto steps = ascii::split(name, '/');
  while (steps.size() > 2 && is_dovecot_filter(steps.front()) && steps.front() != "local_name") {
    steps.erase(steps.begin(), steps.begin() + 2);
  }
  if (steps.front() == "service" && steps.size() > 3) steps.resize(3);
  return steps;
}

bool is_default(const Parameter& row, const std::string& value) {
  if (value == row.fallback) return true;
  if (row.type != Type::List) return false;
  auto words = parse_list(value);
  auto usual = parse_list(row.fallback);
  std::ranges::sort(words);
  std::ranges::sort(usual);
  return words == usual;
}

}  // namespace

bool is_without_effect(const Assignment& setting) {
  if (setting.space != Space::Dovecot) return false;
  const auto* row = find_parameter(setting.space, setting.name);
  if (row == nullptr) return is_known(setting.space, setting.name);
  if (is_default(*row, setting.value)) return false;
  return !row->is_used || is_in_unused_filter(setting.name);
}

std::optional<std::string> tell_without_effect(const std::vector<const Assignment*>& settings) {
  std::map<std::string, std::set<std::string>, std::less<>> sections;  // "plugin" -> its names
  std::set<std::string> plain;
  for (const auto* setting : settings) {
    const auto steps = steps_of(setting->name);
    if (steps.size() == 1) {
      plain.emplace(steps.front());
      continue;
    }
    std::string section(steps.front());
    for (std::size_t at = 1; at + 1 < steps.size(); ++at) section += " " + std::string(steps[at]);
    sections[section].emplace(steps.back());
  }
  if (plain.empty() && sections.empty()) return std::nullopt;
  std::vector<std::string> words(plain.begin(), plain.end());
  const auto join = [](const auto& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
  };
  for (const auto& [section, names] : sections)
    words.push_back(section + " { " + join(names) + " }");
  const auto text = "no effect here: " + join(words);
  return text.find("inet_listener") == std::string::npos
             ? text
             : text + "; addresses and ports are those of the socket units (tubepost(7))";
}

}  // namespace mail::config
