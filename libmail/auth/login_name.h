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

  // Dovecot's settings of these names; empty where no file sets them.
  std::string format = {};         // auth_username_format; then letters' case is its affair alone
  std::string chars = {};          // auth_username_chars: a name with another octet is nobody's
  std::string translation = {};    // auth_username_translation: pairs FROM TO
  std::string default_realm = {};  // auth_default_realm: domain of a name without one

  // Account names to look up, the first that exists counts: as given, in lower case (Dovecot's
  // auth_username_format = %Lu), and for NAME@one-of-our-domains the same of NAME. With `format`:
  // what it makes, and of that the part before one of our domains. None: nobody has such a name.
  [[nodiscard]] std::vector<std::string> candidates(std::string_view login_name) const;
};

// Whether a name can be a part of a path: mail_location, a home and the file of a domain hold %u,
// %n or %d, so no name may lead to another's directory. An account with another name is nobody's.
bool is_path_safe(std::string_view name);

}  // namespace mail::auth
