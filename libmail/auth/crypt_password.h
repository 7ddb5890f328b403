// Passwords as Dovecot's password files store them: {SCHEME}text (doc: Dovecot 2.3 password
// schemes).
//
// PLAIN and CLEARTEXT, and what crypt(3) knows: CRYPT (any $id$, yescrypt included), SHA256-CRYPT,
// SHA512-CRYPT, MD5-CRYPT, BLF-CRYPT, DES-CRYPT; SCRAM-SHA-256 (scram_server.h). libcrypt or
// tubepost-digest.so is opened when the first such password is checked, so that programs which
// never check one do not load it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::auth {

// Whether `password` is the one stored. Comparison takes the same time wherever they differ.
// Config: unknown scheme or a hash crypt(3) cannot read. Unavailable: no libcrypt.
Result<bool> matches_stored_password(std::string_view password, std::string_view stored);

// How dear a check of it is, roughly: what an unknown user must cost too.
enum class Cost : std::uint8_t { Nothing, Scram, Crypt, SlowCrypt };
Cost cost_of(std::string_view stored);

// A stored password of the same cost that nothing matches: checked for unknown users, so that the
// time does not tell who exists.
std::string unmatchable_like(std::string_view stored);

// What SCRAM can use: the text behind {SCRAM-SHA-256}, or the password behind {PLAIN}; empty
// otherwise. Views into `stored`.
struct ScramSource {
  std::string_view keys;
  std::string_view password;
  [[nodiscard]] bool is_usable() const { return !keys.empty() || !password.empty(); }
};
ScramSource scram_source(std::string_view stored);
// Locked ("!", "*" or nothing): no password matches, whatever the mechanism.
bool is_locked(std::string_view stored);

// The work depends on the longer one only, not on where they differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace mail::auth
