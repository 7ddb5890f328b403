// Place: where mail for an account is put: where its readers look (store::locate_mail()).
#pragma once

#include <string>
#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/base/result.h"
#include "libmail/base/trace.h"
#include "libmail/local/settings.h"
#include "libmail/store/location.h"

namespace mail::local {

struct Place {
  store::Format format = store::Format::Mbox;
  std::string path;      // of the inbox: a file, or a Maildir
  std::string location;  // of a file named in an alias or .forward, as mail_location spells it;
                         // empty for an account's own mailbox
  // Not below the home: the user cannot make it, the monitor does, and an mbox gets a dotlock
  // there.
  bool in_spool = false;
  std::vector<store::Branch> branches{};  // directories that appear with the first message
};

// Config for a location that cannot be understood, Denied for an account name that is no file name.
Result<Place> place_of(const Settings& settings, const auth::Identity& identity, Trace& trace);

}  // namespace mail::local
