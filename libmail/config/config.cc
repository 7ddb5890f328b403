#include "libmail/config/config.h"

#include <algorithm>
#include <stdexcept>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/config/expand.h"
#include "libmail/config/without_effect.h"

namespace mail::config {
namespace {

constexpr std::string_view kPlaceholder = "localdomain";  // Postfix's domain of last resort

std::string after_first_label(const std::string& name) {
  const auto dot = name.find('.');
  return dot == std::string::npos || dot + 1 == name.size() ? std::string(kPlaceholder)
                                                            : name.substr(dot + 1);
}

[[noreturn]] void misuse(std::string_view name, std::string_view what) {
  throw std::logic_error("parameter " + std::string(name) + ": " + std::string(what));
}

// What load() has checked cannot fail now; if it does, that is a bug of ours.
template <class T>
T must(Result<T> result, std::string_view name) {
  if (!result) misuse(name, result.error().log_text);
  return *std::move(result);
}

}  // namespace

const Parameter& Reader::row(std::string_view name) const {
  const auto* found = find_parameter(space_, name);
  if (found == nullptr) misuse(name, "not in the parameter table");
  return *found;
}

std::string Reader::spelling(std::string_view name) const {
  for (const auto& filter : filters_) {
    auto own = filter + std::string(name);
    if (config_->settings_.contains({space_, own})) return own;
  }
  return std::string(name);
}

std::string Reader::get_string(std::string_view name) const {
  static_cast<void>(row(name));
  return config_->value_of(space_, spelling(name));
}

bool Reader::get_bool(std::string_view name) const {
  if (row(name).type != Type::Boolean) misuse(name, "not a boolean");
  return must(parse_boolean(space_, get_string(name)), name);
}

std::uint64_t Reader::get_integer(std::string_view name) const {
  if (row(name).type != Type::Integer) misuse(name, "not an integer");
  return must(parse_integer(space_, get_string(name)), name);
}

std::uint64_t Reader::get_size(std::string_view name) const {
  if (row(name).type != Type::Size) misuse(name, "not a size");
  return must(parse_size(space_, get_string(name)), name);
}

std::chrono::milliseconds Reader::get_duration(std::string_view name) const {
  const auto& parameter = row(name);
  if (parameter.type != Type::Duration) misuse(name, "not a duration");
  return must(parse_duration(space_, get_string(name), parameter.extra), name);
}

std::vector<std::string> Reader::get_list(std::string_view name) const {
  const auto type = row(name).type;
  auto items = parse_list(get_string(name));
  if (type == Type::List) return items;
  if (type != Type::MatchList && type != Type::Networks) misuse(name, "not a list");
  std::vector<std::string> all;
  for (auto& item : items) {
    const auto path = item.find_first_not_of('!');
    const auto content =
        config_->file_items_.find(path == std::string::npos ? std::string{} : item.substr(path));
    if (content == config_->file_items_.end()) {
      all.push_back(std::move(item));
      continue;
    }
    for (const auto& inner : content->second) all.push_back(item.substr(0, path) + inner);
  }
  return all;
}

bool Reader::is_set(std::string_view name) const {
  return config_->settings_.contains({space_, spelling(name)});
}

Origin Reader::origin(std::string_view name) const {
  const auto found = config_->settings_.find({space_, spelling(name)});
  return found == config_->settings_.end() ? Origin{} : found->second.origin;
}

std::vector<std::string> Configuration::sections(std::string_view path) const {
  std::vector<std::string> names;
  for (const auto& [parent, name] : section_order_) {
    if (parent == path) names.push_back(name);
  }
  return names;
}

const Assignment* Configuration::written(Space space, const std::string& name) const {
  const auto found = settings_.find({space, name});
  return found == settings_.end() ? nullptr : &found->second;
}

bool Configuration::depends_on_address() const {
  return std::ranges::any_of(section_order_, [](const auto& section) {
    return section.first == "local" || section.first == "remote";
  });
}

bool Configuration::depends_on_address(const Connection& connection) const {
  return std::ranges::any_of(filters_for(section_order_, connection), [](const auto& filter) {
    return filter.starts_with("local/") || filter.starts_with("remote/");
  });
}

// Value before expansion; nothing where neither a file nor a default gives one.
std::optional<std::string> Configuration::raw_value(std::string_view name) const {
  const auto set = settings_.find({Space::Postfix, std::string(name)});
  if (set != settings_.end()) return set->second.value;
  if (is_known(Space::Postfix, name)) return default_of(Space::Postfix, name);
  // Dovecot's names may be referred to from a main.cf that sets them.
  const auto other = settings_.find({Space::Dovecot, std::string(name)});
  if (other != settings_.end()) return other->second.value;
  if (find_parameter(Space::Dovecot, name) != nullptr) return default_of(Space::Dovecot, name);
  return std::nullopt;
}

std::string Configuration::default_of(Space space, std::string_view name) const {
  if (space == Space::Postfix) {
    const auto own_name = [this] { return own_name_.empty() ? qualified_name(host_) : own_name_; };
    if (name == "mynetworks") {
      return own_networks(host_, value_of(space, "mynetworks_style"),
                          parse_list(value_of(space, "inet_interfaces")));
    }
    // Each of the two defaults leans on the other only where a file sets that other.
    const auto set_domain = settings_.find({space, "mydomain"});
    if (name == "myhostname") {
      auto own = own_name();
      const bool made_up = host_.name.find('.') == std::string::npos &&
                           own.ends_with("." + std::string(kPlaceholder));
      if (!made_up || set_domain == settings_.end()) return own;
      return own.substr(0, own.find('.')) + ".$mydomain";
    }
    if (name == "mydomain") {
      return after_first_label(
          settings_.contains({space, "myhostname"}) ? value_of(space, "myhostname") : own_name());
    }
  }
  const auto* row = find_parameter(space, name);
  return row == nullptr ? std::string{} : std::string(row->fallback);
}

std::string Configuration::value_of(Space space, const std::string& name) const {
  const auto set = settings_.find({space, name});
  const auto* row = find_parameter(space, name);
  auto text = set == settings_.end() ? default_of(space, name) : set->second.value;
  const bool macros =
      set == settings_.end() ? space == Space::Postfix : set->second.grammar == Grammar::Postfix;
  if (!macros || (row != nullptr && row->type == Type::Raw)) return text;
  return expand(name, text, [this](std::string_view other) { return raw_value(other); }).text;
}

std::string Configuration::describe(Space space, const std::string& name,
                                    const std::string& spelling) const {
  const auto set = settings_.find({space, spelling});
  std::string line = name + " = " + value_of(space, spelling);
  line += "  # ";
  if (set == settings_.end()) return line + "default";
  line += to_string(set->second.origin);
  if (set->second.grammar == Grammar::Postfix && set->second.value.find('$') != std::string::npos) {
    line += "; written " + set->second.value;
  }
  const auto fallback = default_of(space, name);
  line += "; default " + (fallback.empty() ? "empty" : fallback);
  if (is_without_effect(set->second)) {
    line += "; no effect here";
  } else if (find_parameter(space, name) == nullptr) {
    line += is_known(space, name) ? "; not used by Tubepost" : "; user-defined";
  }
  return line;
}

std::vector<std::string> Configuration::print(const std::string& protocol) const {
  std::vector<std::string> lines;
  const Reader dovecots = dovecot(protocol);
  for (const auto space : {Space::Postfix, Space::Dovecot}) {
    lines.push_back("# " + std::string(to_string(space)));
    std::set<std::string> names;
    for (const auto& row : space == Space::Postfix ? postfix_parameters() : dovecot_parameters()) {
      if (row.name.find('*') == std::string_view::npos) names.emplace(row.name);
    }
    for (const auto& [key, setting] : settings_) {
      if (key.first == space) names.insert(key.second);
    }
    for (const auto& name : names) {
      const auto spelling = space == Space::Dovecot ? dovecots.spelling(name) : name;
      lines.push_back(log::escape(describe(space, name, spelling), 4000));
    }
  }
  return lines;
}

}  // namespace mail::config
