#include "libmail/auth/login_name.h"

#include <algorithm>
#include <optional>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/variables.h"

namespace mail::auth {
namespace {

// As the client's name counts: realm, translation, allowed octets. Nothing: not allowed.
std::optional<std::string> normalise(const LoginNames& names, std::string_view login_name) {
  std::string name(login_name);
  if (!names.default_realm.empty() && name.find('@') == std::string::npos) {
    name += "@" + names.default_realm;
  }
  for (auto& octet : name) {
    for (std::size_t at = 0; at + 1 < names.translation.size(); at += 2) {
      if (names.translation[at] != octet) continue;
      octet = names.translation[at + 1];
      break;
    }
    if (!names.chars.empty() && names.chars.find(octet) == std::string::npos) return std::nullopt;
  }
  return name;
}

}  // namespace

std::vector<std::string> LoginNames::candidates(std::string_view login_name) const {
  auto name = normalise(*this, login_name);
  if (!name) return {};
  const bool by_format = !format.empty();
  if (by_format) {
    auto formatted = variables::expand(format, [&](std::string_view variable) {
      return variables::part_of_name(*name, variable);
    });
    if (!formatted) {
      log::error("auth_username_format: " + formatted.error().public_text);
      return {};
    }
    name = *std::move(formatted);
  }
  std::vector<std::string> found;
  const auto add = [&](std::string one) {
    if (!one.empty() && std::ranges::find(found, one) == found.end()) {
      found.push_back(std::move(one));
    }
  };
  const auto add_cases = [&](std::string_view one) {
    add(std::string(one));
    if (!by_format) add(ascii::to_lower(one));
  };
  add_cases(*name);
  const auto at = name->rfind('@');
  if (at == std::string::npos) return found;
  const auto domain = std::string_view(*name).substr(at + 1);
  const bool is_ours = std::ranges::any_of(
      domains, [&](const std::string& ours) { return ascii::iequals(ours, domain); });
  if (is_ours) add_cases(std::string_view(*name).substr(0, at));
  return found;
}

bool is_path_safe(std::string_view name) {
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
    return false;
  }
  const bool has_empty_part = name.empty() || name.front() == '@';
  return !has_empty_part && name.front() != '.' && name.find("@.") == std::string_view::npos;
}

}  // namespace mail::auth
