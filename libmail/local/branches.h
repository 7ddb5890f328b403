// The directories of a new account's mail (S56): what mail_location names with variables, below the
// part before the first one.
#pragma once

#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/store/location.h"

namespace mail::local {

// Whether there are directories of the account's that only deliver's monitor can make: sessions
// have it asked before they begin. A look, no promise.
bool needs_monitor(const std::vector<store::Branch>& branches);

// For the monitor. As root: below a base that is root's (is_roots_path()) levels are root's, 0755,
// the last one, where it is the user's, the user's, 0700. No symbolic link is followed, nothing
// that was there before is changed, and nothing is made in a directory that is not root's: what
// lies in the user's own is left to the user. Returns the last level; closed: it is another's to
// make. Errors: Denied (a level is another's, or no directory), Io...
Result<FileDescriptor> make_branch(const store::Branch& branch, const auth::Identity& identity);

}  // namespace mail::local
