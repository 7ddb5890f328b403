// Where the mail of a user lies, and how long to wait for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "libmail/base/clock.h"
#include "libmail/base/result.h"

namespace mail::store {

struct Settings {
  std::string mail_location;  // Dovecot 2.3's spelling; empty: looked for (location.h)
  std::string home_mailbox;   // Postfix's; relative to the home, ends in '/': a Maildir
  std::string mail_spool_directory = "/var/mail";     // Postfix's
  std::string state_directory = "/var/lib/tubepost";  // state of spool mailboxes: state/UID/ below
  std::chrono::milliseconds lock_timeout{10'000};     // then InUse
  // Takes a dotlock (or what else the site uses) on an mbox before a write, beside the OFD lock;
  // the result releases it when destroyed. Empty: none. deliver's monitor makes them
  // (DESIGN.md section 5).
  std::function<Result<std::shared_ptr<void>>(const std::string& path)> extra_lock;
  bool copy_with_hardlinks = true;  // Maildir to Maildir (maildir_copy_with_hardlinks)
  std::uint64_t rewrite_window = 1ULL << 20U;  // octets of an mbox changed at a time
  const Clock* clock = nullptr;                // null: the system's
};

}  // namespace mail::store
