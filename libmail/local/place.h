// Place: where mail for an account is put, and which setting said so. First of: the account's own
// mail_location (password file), home_mailbox, mail_location, mail_spool_directory.
#pragma once

#include <string>

#include "libmail/auth/authenticator.h"
#include "libmail/base/result.h"
#include "libmail/base/trace.h"
#include "libmail/local/settings.h"

namespace mail::local {

struct Place {
  enum class Format : std::uint8_t { Mbox, Maildir };
  Format format = Format::Mbox;
  std::string path;      // of the inbox: a file, or a Maildir
  std::string location;  // the whole as mail_location spells it, variables not expanded
  // Not below the home: the user cannot make it, the monitor does, and an mbox gets a dotlock
  // there.
  bool in_spool = false;
};

// Config for a location that cannot be understood, Denied for an account name that is no file name.
Result<Place> place_of(const Settings& settings, const auth::Identity& identity, Trace& trace);

// Dovecot's variables: %u %n %d %h, with a width as in %1n and L for lower case; ~ for the home.
std::string expand_variables(std::string_view text, const auth::Identity& identity);

}  // namespace mail::local
