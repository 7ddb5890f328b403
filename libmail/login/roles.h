// Becoming somebody else, for good. As an ordinary user none of these can change the uid: they do
// what is left (no new privileges).
#pragma once

#include <string>

#include "libmail/auth/authenticator.h"
#include "libmail/base/result.h"

namespace mail::login {

// Gives up root for an account that owns nothing, in an empty root directory (unless
// `empty_directory` is ""); then, whoever runs it, every file and every system call that is not
// work on open descriptors (libmail/confine). Errors: Config (no such account).
Result<void> become_front(const std::string& user, const std::string& empty_directory);

// Gives up root for a service's account ("tubepost") with that account's groups; the file system
// stays. As an ordinary user: stays who it is.
Result<void> become_service(const std::string& user);

// After become_service(): no other program, no other process (confine::Filter::Service).
Result<void> confine_service();

// Takes the user's groups, gid and uid, checks that there is no way back, goes to the home
// directory ("/" without one). Error Denied for uid 0, whoever asks.
Result<void> become_user(const auth::Identity& identity);

}  // namespace mail::login
