// Passwords as Dovecot's password files store them: {SCHEME}text (doc: Dovecot 2.3 password
// schemes).
//
// PLAIN and CLEARTEXT, and what crypt(3) knows: CRYPT (any $id$, yescrypt included), SHA256-CRYPT,
// SHA512-CRYPT, MD5-CRYPT, BLF-CRYPT, DES-CRYPT. libcrypt is opened when the first such hash is
// checked, so that programs which never check one do not load it.
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::auth {

// Whether `password` is the one stored. Comparison takes the same time wherever they differ.
// Config: unknown scheme or a hash crypt(3) cannot read. Unavailable: no libcrypt.
Result<bool> matches_stored_password(std::string_view password, std::string_view stored);

// A stored password of the same cost that nothing matches: checked for unknown users, so that the
// time does not tell who exists.
std::string unmatchable_like(std::string_view stored);

}  // namespace mail::auth
