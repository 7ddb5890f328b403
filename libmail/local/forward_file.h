// What a .forward or :include: file says, read with this process' own rights.
//
// Such a file is believed only when it is a regular file that belongs to the account (or root) and
// nobody else may write it: whoever can write it can run commands as the account.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libmail/alias/target.h"
#include "libmail/auth/authenticator.h"
#include "libmail/base/result.h"
#include "libmail/base/trace.h"
#include "libmail/local/settings.h"

namespace mail::local {

inline constexpr std::size_t kMaxForwardFile = 256U << 10U;  // octets

// Targets of the first file of forward_path that exists; nothing when there is none or it says
// nothing (an empty .forward delivers as usual). `extension`: what stands behind the delimiter.
// Errors mean "later": mail must not go past a .forward that cannot be read now.
Result<std::optional<std::vector<alias::Target>>> read_forward(const Settings& settings,
                                                               const auth::Identity& identity,
                                                               std::string_view extension,
                                                               Trace& trace);
// The addresses of an :include: file; files and commands in it are Denied, as
// allow_mail_to_commands and allow_mail_to_files have it by default; a further include is Config.
Result<std::vector<alias::Target>> read_include(const Settings& settings, const std::string& path);

// The part of a local part behind the delimiter.
std::string extension_of(const Settings& settings, std::string_view recipient);

}  // namespace mail::local
