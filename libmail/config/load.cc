// From files to a checked Configuration.
#include <algorithm>
#include <set>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/config/bindings.h"
#include "libmail/config/config.h"
#include "libmail/config/dovecot_file.h"
#include "libmail/config/expand.h"
#include "libmail/config/loader.h"
#include "libmail/config/postfix_file.h"
#include "libmail/config/values_pop3.h"
#include "libmail/config/without_effect.h"
#include "libmail/table/logical_lines.h"
#include "libmail/table/table.h"
#include "libmail/tls/versions.h"

namespace mail::config {
namespace {

constexpr std::size_t kMaxListFileDepth = 10;
constexpr std::string_view kCommandLine = "-o";  // origin of its settings

std::string base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

bool is_list(Type type) {
  return type == Type::List || type == Type::MatchList || type == Type::Networks;
}

bool has_text_source(std::string_view table) {
  const auto spec = table::parse_spec(table);
  return spec && table::is_file_type(spec->type);
}

// S57: the root mail directory comes first; an mbox spool file in its place is a common mistake.
Result<void> check_mail_location(std::string_view value, std::string_view spool) {
  if (!value.starts_with("mbox:")) return {};
  auto root = value.substr(5);
  const bool has_inbox = root.find("INBOX=") != std::string_view::npos;
  const bool no_root = root.starts_with("INBOX=") || root.starts_with(":");
  root = root.substr(0, root.find(':'));
  const auto slash = root.rfind('/');
  const auto directory = root.substr(0, slash == std::string_view::npos ? 0 : slash);
  const auto file = slash == std::string_view::npos ? root : root.substr(slash + 1);
  const bool is_spool_file =
      (directory == "/var/mail" || directory == "/var/spool/mail" || directory == spool) &&
      (file == "%u" || file == "%n" || file == "%Lu" || file == "%Ln");
  if (!no_root && (!is_spool_file || has_inbox)) return {};
  const auto inbox = no_root ? std::string("/var/mail/%u") : std::string(root);
  return fail(Errc::Config,
              "the root mail directory must be the first path, an INBOX file alone is "
              "not enough; write mbox:~/mail:INBOX=" +
                  inbox);
}

}  // namespace

Result<Source> parse_source(std::string_view argument) {
  if (argument.starts_with("postfix:"))
    return Source{Grammar::Postfix, std::string(argument.substr(8))};
  if (argument.starts_with("dovecot:"))
    return Source{Grammar::Dovecot, std::string(argument.substr(8))};
  const auto name = base_name(argument);
  if (name.ends_with(".conf")) return Source{Grammar::Dovecot, std::string(argument)};
  if (name.ends_with(".cf") || name.find("main.cf") != std::string::npos) {
    return Source{Grammar::Postfix, std::string(argument)};
  }
  return fail(Errc::Config, "cannot tell the grammar of " + std::string(argument) +
                                " by its name; write postfix:FILE or dovecot:FILE");
}

std::string command_line_setting(std::string_view name_and_value) {
  return std::string(kCommandLine) + ' ' + std::string(name_and_value);
}

std::vector<std::string> files_named(const std::vector<std::string>& arguments) {
  std::vector<std::string> files;
  bool has_sources = false;
  for (const auto& argument : arguments) {
    if (argument.starts_with(command_line_setting(""))) continue;
    has_sources = true;
    if (const auto source = parse_source(argument)) files.push_back(source->path);
  }
  if (!has_sources) files.push_back(kDefaultPath);
  return files;
}

// Collects, checks and hands over; one use each.
class Loader {
 public:
  Loader(Reading reading, const Host& host,
         std::vector<std::pair<std::string, std::string>> section_order)
      : reading_(std::move(reading)) {
    config_.host_ = host;
    config_.section_order_ = std::move(section_order);
    config_.file_items_ = std::move(reading_.file_items);
  }

  Loaded finish() {
    collect();
    find_unknown();
    for (const auto& [key, setting] : config_.settings_) check(setting);
    check_defaults();
    if (reading_.mistakes.empty()) tell_unused();
    if (!reading_.mistakes.empty()) {
      // All there is to say at once.
      for (auto& warning : reading_.warnings) {
        report(warning.origin, "warning: " + warning.text);
      }
      sort_by_origin(reading_.mistakes);
      return tl::unexpected(std::move(reading_.mistakes));
    }
    sort_by_origin(reading_.warnings);
    config_.warnings_ = std::move(reading_.warnings);
    config_.files_ = std::move(reading_.files);
    return std::move(config_);
  }

 private:
  void report(const Origin& origin, std::string text) {
    reading_.mistakes.push_back({origin, std::move(text)});
  }
  void warn(const Origin& origin, std::string text) {
    reading_.warnings.push_back({origin, std::move(text)});
  }

  // In the order of the command line's files, then of their lines.
  void sort_by_origin(Mistakes& list) const {
    const auto rank = [this](const std::string& file) {
      return std::ranges::find(reading_.files, file) - reading_.files.begin();
    };
    std::ranges::stable_sort(list, [&](const Mistake& a, const Mistake& b) {
      const auto left = rank(a.origin.file);
      const auto right = rank(b.origin.file);
      return left != right ? left < right : a.origin.line < b.origin.line;
    });
  }

  void collect() {
    std::set<std::pair<std::string, std::string>> seen(config_.section_order_.begin(),
                                                       config_.section_order_.end());
    for (auto& setting : reading_.assignments) {
      if (setting.space == Space::Dovecot) note_sections(setting.name, seen);
      if (setting.origin.file == kCommandLine) forget_special(setting);
      config_.settings_[{setting.space, setting.name}] = setting;
    }
    if (!config_.settings_.contains({Space::Postfix, "myhostname"})) {
      config_.own_name_ = qualified_name(config_.host_);  // once: several defaults ask for it
    }
  }

  // The command line holds over protocol/NAME/x as well as over x.
  void forget_special(const Assignment& setting) {
    std::string own = "/";
    own += setting.name;
    std::erase_if(config_.settings_, [&](const auto& entry) {
      const std::string_view name = entry.first.second;
      return entry.first.first == setting.space && entry.second.origin.file != kCommandLine &&
             name.starts_with("protocol/") &&
             name.substr(std::min(name.size(), name.find('/', 9))) == own;
    });
  }

  // namespace/inbox/mailbox/Sent/auto holds the sections ("namespace", "inbox") and
  // ("namespace/inbox/mailbox", "Sent").
  void note_sections(const std::string& name, std::set<std::pair<std::string, std::string>>& seen) {
    std::size_t at = 0;
    for (;;) {
      const auto kind_end = name.find('/', at);
      if (kind_end == std::string::npos) return;
      const auto name_end = name.find('/', kind_end + 1);
      if (name_end == std::string::npos) return;
      std::pair section{name.substr(0, kind_end),
                        name.substr(kind_end + 1, name_end - kind_end - 1)};
      if (seen.insert(section).second) config_.section_order_.push_back(std::move(section));
      at = name_end + 1;
    }
  }

  // A user-defined parameter is one that some value refers to; restriction classes are declared.
  void find_unknown() {
    std::set<std::string> user_defined;
    for (const auto& [key, setting] : config_.settings_) {
      if (setting.grammar != Grammar::Postfix) continue;
      for (auto& name : referenced_names(setting.value)) user_defined.insert(std::move(name));
    }
    const auto classes = config_.settings_.find({Space::Postfix, "smtpd_restriction_classes"});
    if (classes != config_.settings_.end()) {
      for (auto& name : parse_list(classes->second.value)) user_defined.insert(std::move(name));
    }
    for (const auto& [key, setting] : config_.settings_) {
      if (is_known(setting.space, setting.name) || user_defined.contains(setting.name)) {
        continue;
      }
      // In a file of Dovecot's only Dovecot's names help; in a main.cf both may be meant.
      const auto last = setting.name.substr(setting.name.rfind('/') + 1);
      const auto nearest = setting.grammar == Grammar::Dovecot ? nearest_name(Space::Dovecot, last)
                                                               : nearest_name(last);
      warn(setting.origin, "unknown parameter " + setting.name +
                               (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
    }
  }

  // One line for all that nothing obeys.
  void tell_unused() {
    std::vector<const Assignment*> unused;
    for (const auto& [key, setting] : config_.settings_) {
      if (is_without_effect(setting)) unused.push_back(&setting);
    }
    if (const auto text = tell_without_effect(unused)) {
      const auto first = std::ranges::find_if(reading_.files, [&](const std::string& file) {
        return std::ranges::any_of(unused,
                                   [&](const auto* one) { return one->origin.file == file; });
      });
      warn({first == reading_.files.end() ? unused.front()->origin.file : *first, 0}, *text);
    }
    for (auto& warning : namespace_bindings(config_).warnings) {
      reading_.warnings.push_back(std::move(warning));
    }
    if (config_.sections("passdb").empty() && config_.sections("userdb").empty()) return;
    for (auto& warning : account_bindings(config_).warnings) {
      reading_.warnings.push_back(std::move(warning));
    }
  }

  void check(const Assignment& setting) {
    const auto* row = find_parameter(setting.space, setting.name);
    std::string value = setting.value;
    if (setting.grammar == Grammar::Postfix && (row == nullptr || row->type != Type::Raw)) {
      const auto expanded = expand(setting.name, setting.value, [this](std::string_view name) {
        return config_.raw_value(name);
      });
      for (const auto& mistake : expanded.mistakes) {
        report(setting.origin, setting.name + ": " + mistake);
      }
      if (!expanded.mistakes.empty()) return;
      for (const auto& name : expanded.undefined) {
        const auto nearest = nearest_name(name);
        warn(setting.origin, setting.name + ": undefined parameter $" + name +
                                 (nearest.empty() ? "" : "; did you mean $" + nearest + "?"));
      }
      value = expanded.text;
    }
    if (row != nullptr) check_typed(*row, setting.name, value, setting.origin);
  }

  // A default that leans on a value from a file may be spoilt by it: mynetworks by inet_interfaces
  // not, smtpd_hard_error_limit by stress hardly; but both go through the same check.
  void check_defaults() {
    if (!reading_.mistakes.empty()) return;
    for (const auto& row : postfix_parameters()) {
      if (config_.settings_.contains({row.space, std::string(row.name)})) continue;
      if (row.fallback.find('$') == std::string_view::npos || row.type == Type::Raw) continue;
      check_typed(row, std::string(row.name), config_.value_of(row.space, std::string(row.name)),
                  Origin{});
    }
  }

  void check_typed(const Parameter& row, const std::string& name, const std::string& value,
                   const Origin& origin) {
    const auto checked = check_value(row, value);
    if (!checked) return report(origin, name + ": " + checked.error().log_text);
    if (name == "mail_location" || name.ends_with("/mail_location")) {
      const auto location =
          check_mail_location(value, config_.value_of(Space::Postfix, "mail_spool_directory"));
      if (!location) report(origin, name + ": " + location.error().log_text);
    }
    if (name == "smtpd_tls_protocols" || name == "smtpd_tls_mandatory_protocols") {
      const auto versions = tls::parse_protocols(value);
      if (!versions) report(origin, name + ": " + versions.error().log_text);
    }
    if (const auto mistake = mistake_of_pop3(row.name, value, config_.dovecot("pop3"))) {
      report(origin, name + ": " + *mistake);
    }
    if (is_list(row.type)) check_items(row, name, parse_list(value), origin, 0);
  }

  void check_items(const Parameter& row, const std::string& name,
                   const std::vector<std::string>& items, const Origin& origin, std::size_t depth) {
    for (const auto& item : items) {
      const auto begin = item.find_first_not_of('!');
      if (begin == std::string::npos) continue;
      const auto plain = item.substr(begin);
      if (plain.starts_with('/') && row.type != Type::List) {
        read_items(row, name, plain, origin, depth);
      } else if (name == "tls_server_sni_maps" && !has_text_source(plain)) {
        std::string text = name;
        text.append(": ").append(plain).append(
            ": not used; only tables with a text file are (texthash:, hash:, ...)");
        warn(origin, std::move(text));
      } else if (const auto spec = table::parse_spec(plain)) {
        const bool is_map =
            row.type != Type::List || name.ends_with("_maps") || name == "alias_database";
        if (is_map && !table::is_supported(spec->type) && reported_.insert(spec->type).second) {
          warn(origin, name + ": table type " + spec->type +
                           " is not supported; such tables count as empty");
        }
      }
    }
  }

  // Items of a file: words of its logical lines; they may name further files.
  void read_items(const Parameter& row, const std::string& name, const std::string& path,
                  const Origin& origin, std::size_t depth) {
    if (config_.file_items_.contains(path)) return;
    if (depth >= kMaxListFileDepth) return report(origin, name + ": files are nested too deep");
    const auto text = sys::read_file(path);
    if (!text) return report(origin, name + ": cannot be read: " + text.error().log_text);
    reading_.files.push_back(path);
    auto& items = config_.file_items_[path];
    std::vector<std::string> nested;
    for (const auto& line : table::split_logical_lines(*text)) {
      for (auto& item : parse_list(line.text)) {
        const Origin where{path, line.line};
        const auto checked = check_value(row, item);
        if (!checked) report(where, name + ": " + checked.error().log_text);
        if (item.starts_with('/')) {
          read_items(row, name, item, where, depth + 1);
          const auto inner = config_.file_items_.find(item);
          if (inner != config_.file_items_.end()) {
            nested.insert(nested.end(), inner->second.begin(), inner->second.end());
          }
        } else {
          check_items(row, name, {item}, where, depth + 1);
          nested.push_back(std::move(item));
        }
      }
    }
    items = std::move(nested);
  }

  Reading reading_;
  Configuration config_;
  std::set<std::string> reported_;  // table types warned about
};

Loaded finish_loading(Reading reading, const Host& host,
                      std::vector<std::pair<std::string, std::string>> section_order) {
  return Loader(std::move(reading), host, std::move(section_order)).finish();
}

namespace {
void read_sources(const std::vector<Source>& sources, Reading& into) {
  for (const auto& source : sources) {
    if (source.grammar == Grammar::Postfix) {
      read_postfix(source.path, into);
    } else {
      read_dovecot(source.path, into);
    }
  }
}
}  // namespace

Loaded load(const std::vector<Source>& sources, const Host& host) {
  Reading reading;
  read_sources(sources, reading);
  return finish_loading(std::move(reading), host);
}

Loaded load_text(const std::vector<std::pair<Source, std::string>>& texts, const Host& host) {
  Reading reading;
  for (const auto& [source, text] : texts) {
    reading.files.push_back(source.path);
    if (source.grammar == Grammar::Postfix) {
      parse_postfix(text, source.path, reading);
    } else {
      parse_dovecot(text, source.path, reading);
    }
  }
  return finish_loading(std::move(reading), host);
}

Loaded load(const std::vector<std::string>& arguments) {
  const auto host = Host::of_this_system();
  const std::string setting = command_line_setting("");
  std::vector<Source> sources;
  std::vector<std::string> settings;
  Mistakes mistakes;
  for (const auto& argument : arguments) {
    if (argument.starts_with(setting)) {
      settings.push_back(argument.substr(setting.size()));
      continue;
    }
    auto source = parse_source(argument);
    if (source) {
      sources.push_back(*std::move(source));
    } else {
      mistakes.push_back({{argument, 0}, source.error().log_text});
    }
  }
  if (!mistakes.empty()) return tl::unexpected(std::move(mistakes));
  Reading reading;
  if (sources.empty() && !sys::exists(kDefaultPath)) {
    reading.files.push_back(kDefaultPath);
    reading.warnings.push_back({{kDefaultPath, 0}, "not found; the defaults hold"});
  } else if (sources.empty()) {
    sources.push_back({Grammar::Postfix, kDefaultPath});
  }
  read_sources(sources, reading);
  for (const auto& text : settings) parse_postfix(text, std::string(kCommandLine), reading);
  return finish_loading(std::move(reading), host);
}

Error to_error(const Mistakes& mistakes) {
  std::string all;
  for (const auto& line : render(mistakes)) all += (all.empty() ? "" : "\n") + line;
  return make_error(Errc::Config, "Configuration is wrong", std::move(all));
}

Result<Configuration> load_or_fail(const std::vector<std::string>& arguments) {
  auto loaded = load(arguments);
  if (!loaded) return fail(to_error(loaded.error()));
  for (const auto& line : render(loaded->warnings())) log::warning(line);
  return *std::move(loaded);
}

}  // namespace mail::config
