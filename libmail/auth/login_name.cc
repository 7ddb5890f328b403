#include "libmail/auth/login_name.h"

#include <algorithm>

#include "libmail/base/ascii.h"

namespace mail::auth {

std::vector<std::string> LoginNames::candidates(std::string_view login_name) const {
  std::vector<std::string> names;
  const auto add = [&](std::string name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  };
  const auto add_cases = [&](std::string_view name) {
    add(std::string(name));
    add(ascii::to_lower(name));
  };
  add_cases(login_name);
  const auto at = login_name.rfind('@');
  if (at == std::string_view::npos) return names;
  const auto domain = login_name.substr(at + 1);
  const bool is_ours = std::any_of(domains.begin(), domains.end(), [&](const std::string& ours) {
    return ascii::iequals(ours, domain);
  });
  if (is_ours) add_cases(login_name.substr(0, at));
  return names;
}

}  // namespace mail::auth
