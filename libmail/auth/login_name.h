// Login names: what a client gives may be the account's name or its address. Outlook tries the full
// address first, some phones capitalise the first letter; all of them mean the same account
// (requirements.md finding 7).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mail::auth {

struct LoginNames {
  std::vector<std::string> domains;  // ours: after '@' in a login name

  // Account names to look up, the first that exists counts: as given, in lower case (Dovecot's
  // auth_username_format = %Lu), and for NAME@one-of-our-domains the same of NAME.
  [[nodiscard]] std::vector<std::string> candidates(std::string_view login_name) const;
};

}  // namespace mail::auth
