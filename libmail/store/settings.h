// Where the mail of a user lies, and how long to wait for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libmail/base/clock.h"

namespace mail::store {

// How an mbox is locked, in this order. The OFD lock, which is what other programs' fcntl and lockf
// meet, is always among them: last, where it is not named.
struct MboxLocks {
  enum class Method : std::uint8_t {
    Fcntl,
    Flock,
    Dotlock,
    DotlockTry,  // none where the directory or a full disk does not let us
  };
  std::vector<Method> read{Method::Fcntl};
  std::vector<Method> write{Method::Fcntl};
  std::optional<std::chrono::milliseconds> timeout;  // for each; none: lock_timeout
  // So long neither lock file nor mailbox has changed: whoever made it is gone.
  std::chrono::seconds dotlock_change_timeout{120};
};

struct Settings {
  std::string mail_location;  // Dovecot 2.3's spelling; empty: looked for (location.h)
  std::string home_mailbox;   // Postfix's; relative to the home, ends in '/': a Maildir
  std::string mail_spool_directory = "/var/mail";     // Postfix's
  std::string state_directory = "/var/lib/tubepost";  // state of spool mailboxes: state/UID/ below
  std::chrono::milliseconds lock_timeout{10'000};     // then InUse
  MboxLocks mbox_locks;
  bool copy_with_hardlinks = true;  // Maildir to Maildir (maildir_copy_with_hardlinks)
  // Flags and expunges are durable before they are acknowledged; messages and UIDs always are
  // (mail_fsync).
  bool sync_changes = true;
  std::uint64_t rewrite_window = 1ULL << 20U;  // octets of an mbox changed at a time
  const Clock* clock = nullptr;                // null: the system's
};

}  // namespace mail::store
