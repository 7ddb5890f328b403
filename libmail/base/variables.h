// Dovecot 2.3's % variables, as in mail_location, mail_home and auth_username_format:
//
//   %u %n %d %h       one letter; with modifiers before it: %Lu %Ud %2.1n %-2u %Hd %Rn %T
//   %{user} %L{user}  the long names
//   %{user | lower}   2.4's spelling with filters: username domain lower upper
//   %{env:NAME}       the environment
//   %{if;A;OP;B;YES;NO}   OP: == != < <= > >= (numbers), eq ne lt le gt ge (text), * (wildcards);
//                         A, B, YES and NO may hold variables, \; is a ';' within them
//   %%                one %
//
// Which names there are is the caller's affair.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::variables {

// The value of a letter ("u") or long name ("user"); nothing: there is no such variable.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

// Error Config: unknown variable, modifier or filter; the texts say which.
Result<std::string> expand(std::string_view text, const Lookup& lookup);

// The same for a path: no value brings a level ".." into it, as %1.2n of a..b would. Denied then.
Result<std::string> expand_path(std::string_view text, const Lookup& lookup);

// u, user; n, username; d, domain; of a login name. Nothing for other names.
std::optional<std::string> part_of_name(std::string_view login_name, std::string_view variable);

}  // namespace mail::variables
