// Accounts: passwd_file, or Dovecot's passdb and userdb sections (docs/accounts.md).
#include <algorithm>
#include <array>
#include <optional>

#include "libmail/base/ascii.h"
#include "libmail/config/bindings.h"

namespace mail::config {
namespace {

constexpr auto kSystemDrivers = std::to_array<std::string_view>({"bsdauth", "passwd", "shadow"});
// What makes a passdb another thing than a place where passwords are; with the value that does not.
struct Condition {
  std::string_view name, harmless;
};
constexpr auto kConditions = std::to_array<Condition>({
    {"master", "no"},
    {"mechanisms", ""},
    {"pass", "no"},
    {"result_failure", "continue"},
    {"result_internalfail", "continue"},
    {"result_success", "return-ok"},
    {"skip", "never"},
    {"username_filter", ""},
});

// KEY=VALUE words of `args`, and the last word that is none: a file or a service.
struct Arguments {
  std::vector<std::pair<std::string, std::string>> options;
  std::string rest;
  [[nodiscard]] std::string get(std::string_view key) const {
    for (const auto& [name, value] : options) {
      if (name == key) return value;
    }
    return {};
  }
};

Arguments parse_arguments(std::string_view text) {
  Arguments arguments;
  for (const auto word : ascii::words(text)) {
    const auto equals = word.find('=');
    if (word.starts_with('/') || equals == std::string_view::npos) {
      arguments.rest = word;
    } else {
      arguments.options.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
  }
  return arguments;
}

auth::AccountFields parse_fields(const Arguments& arguments) {
  return {arguments.get("uid"), arguments.get("gid"), arguments.get("home"), arguments.get("mail")};
}

// default_fields and override_fields of a passdb: what is said for the userdb does not restrict
// logins, the rest (allow_nets, nologin, proxy) may.
bool has_login_fields(std::string_view fields) {
  const auto words = ascii::words(fields);
  return std::ranges::any_of(words, [](auto word) { return !word.starts_with("userdb_"); });
}

class Binder {
 public:
  explicit Binder(const Configuration& config) : config_(config) {}

  AccountBindings bind() {
    auto& settings = bound_.settings;
    const auto dovecot = config_.dovecot();
    settings.names = names();
    settings.secret_file =
        config_.postfix().get_string("tubepost_state_directory") + "/auth-secret";
    settings.defaults = {dovecot.get_string("mail_uid"),
                         dovecot.get_string("mail_gid"),
                         dovecot.get_string("mail_home"),
                         {}};
    const std::string file = config_.postfix().get_string("passwd_file");
    const auto passdbs = config_.sections("passdb");
    const auto userdbs = config_.sections("userdb");
    if (!file.empty()) {
      settings.passdbs.push_back({auth::Passdb::Driver::PasswordFile, {}, file, {}, {}, false});
      return std::move(bound_);
    }
    for (const auto& section : passdbs) add_passdb(section);
    for (const auto& section : userdbs) add_userdb(section);
    if (passdbs.empty()) settings.passdbs.emplace_back();
    if (!userdbs.empty() && settings.userdbs.empty()) {
      settings.userdbs.emplace_back().driver = auth::Userdb::Driver::Unusable;
    }
    // A password file can say it all; PAM says nothing of homes.
    const bool has_pam = std::ranges::any_of(settings.passdbs, [](const auto& passdb) {
      return passdb.driver == auth::Passdb::Driver::Pam;
    });
    if (userdbs.empty() && has_pam) settings.userdbs.emplace_back();
    return std::move(bound_);
  }

 private:
  [[nodiscard]] auth::LoginNames names() const {
    const auto postfix = config_.postfix();
    const auto dovecot = config_.dovecot();
    auth::LoginNames names;
    names.domains = postfix.get_list("mydestination");
    names.domains.push_back(postfix.get_string("mydomain"));
    names.domains.push_back(postfix.get_string("myorigin"));
    // By default more is taken than by Dovecot's (docs/configuration.md).
    const auto set = [&](const char* name) {
      return dovecot.is_set(name) ? dovecot.get_string(name) : std::string();
    };
    names.format = set("auth_username_format");
    names.chars = set("auth_username_chars");
    names.translation = set("auth_username_translation");
    names.default_realm = set("auth_default_realm");
    return names;
  }

  void warn(const std::string& name, std::string text) {
    const auto* setting = config_.written(Space::Dovecot, name);
    bound_.warnings.push_back({setting == nullptr ? Origin{} : setting->origin, std::move(text)});
  }
  [[nodiscard]] std::string get(const std::string& name) const {
    const auto* setting = config_.written(Space::Dovecot, name);
    return setting == nullptr ? std::string() : setting->value;
  }

  // The setting that makes it more, or less, than a place where passwords are; or nothing.
  [[nodiscard]] std::string find_condition(const std::string& path) const {
    for (const auto& [name, harmless] : kConditions) {
      const auto* setting = config_.written(Space::Dovecot, path + std::string(name));
      if (setting != nullptr && setting->value != harmless) return std::string(name);
    }
    for (const char* name : {"default_fields", "override_fields"}) {
      if (has_login_fields(get(path + name))) return name;
    }
    return {};
  }

  // Whether a login that this passdb is no place for, or does not like, ends there: those that
  // follow may then be open to fewer than they look.
  [[nodiscard]] bool may_refuse(const std::string& path) const {
    return config_.dovecot().get_bool(path + "deny") ||
           get(path + "result_success").starts_with("return-f") ||
           get(path + "result_failure").starts_with("return") ||
           get(path + "result_internalfail").starts_with("return");
  }

  void add_passdb(const std::string& section) {
    const std::string path = "passdb/" + section + "/";
    const auto before = bound_.settings.passdbs.size();
    add_usable_passdb(path);
    if (bound_.settings.passdbs.size() != before || !may_refuse(path)) return;
    auth::Passdb passdb;
    passdb.driver = auth::Passdb::Driver::Unusable;
    passdb.deny = true;
    bound_.settings.passdbs.push_back(std::move(passdb));
    warn(path + "driver", "this passdb may refuse logins, so nobody can log in without it");
  }

  void add_usable_passdb(const std::string& path) {
    const auto driver = get(path + "driver");
    if (const auto condition = find_condition(path); !condition.empty()) {
      return warn(path + condition, "passdb { " + condition + " = " + get(path + condition) +
                                        " } is not known here, so this passdb is not used");
    }
    const auto arguments = parse_arguments(get(path + "args"));
    auth::Passdb passdb;
    passdb.deny = config_.dovecot().get_bool(path + "deny");
    if (driver == "pam") {
      if (!arguments.rest.empty()) passdb.service = arguments.rest;
    } else if (driver == "passwd-file") {
      passdb.driver = auth::Passdb::Driver::PasswordFile;
      passdb.path = arguments.rest;
      passdb.username_format = arguments.get("username_format");
      passdb.scheme = arguments.get("scheme");
      if (passdb.path.empty())
        return warn(path + "driver", "passdb passwd-file: args names no file");
    } else if (std::ranges::find(kSystemDrivers, driver) == kSystemDrivers.end()) {
      return warn(path + "driver", "passdb " + driver +
                                       " is not known here; accounts whose passwords are there "
                                       "cannot log in");
    }
    if (passdb.deny && passdb.driver != auth::Passdb::Driver::PasswordFile) {
      return warn(path + "deny", "passdb { deny = yes } holds for passwd-file only");
    }
    bound_.settings.passdbs.push_back(std::move(passdb));
  }

  void add_userdb(const std::string& section) {
    const std::string path = "userdb/" + section + "/";
    const auto driver = get(path + "driver");
    const auto arguments = parse_arguments(get(path + "args"));
    auth::Userdb userdb;
    if (driver == "passwd-file") {
      userdb.driver = auth::Userdb::Driver::PasswordFile;
      userdb.path = arguments.rest;
      userdb.username_format = arguments.get("username_format");
      if (userdb.path.empty())
        return warn(path + "driver", "userdb passwd-file: args names no file");
    } else if (driver == "static") {
      userdb.driver = auth::Userdb::Driver::Static;
      userdb.fields = parse_fields(arguments);
      userdb.allow_all_users = arguments.get("allow_all_users") == "yes";
    } else if (driver == "prefetch") {
      userdb.driver = auth::Userdb::Driver::Prefetch;
    } else if (driver != "passwd") {
      return warn(path + "driver",
                  "userdb " + driver + " is not known here; its accounts do not exist for us");
    }
    userdb.defaults = parse_fields(parse_arguments(get(path + "default_fields")));
    userdb.overrides = parse_fields(parse_arguments(get(path + "override_fields")));
    bound_.settings.userdbs.push_back(std::move(userdb));
  }

  const Configuration& config_;
  AccountBindings bound_;
};

}  // namespace

AccountBindings account_bindings(const Configuration& config) { return Binder(config).bind(); }

}  // namespace mail::config
