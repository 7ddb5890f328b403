// Settings of the POP3 server, with Dovecot's names.
#pragma once

#include <chrono>
#include <string>

#include "libmail/pop3/transfer.h"
#include "libmail/pop3/uidl.h"

namespace mail::pop3 {

struct Settings {
  std::string greeting = "Tubepost ready.";  // login_greeting
  std::string uidl_format = "%08Xu%08Xv";    // pop3_uidl_format
  bool rename_duplicates = false;            // pop3_uidl_duplicates = rename
  bool reuse_xuidl = false;                  // pop3_reuse_xuidl
  Md5Of md5_of = Md5Of::Apop3d;              // mbox_md5
  bool no_flag_updates = false;              // pop3_no_flag_updates
  bool enable_last = false;                  // pop3_enable_last
  bool lock_session = false;                 // pop3_lock_session
  std::string deleted_flag;                  // pop3_deleted_flag, a keyword
  bool expunges = true;                      // pop3_delete_type, by expunges() below
  Workarounds workarounds;                   // pop3_client_workarounds
  std::string logout_format = "top=%t/%p, retr=%r/%b, del=%d/%m, size=%s";  // pop3_logout_format
  std::chrono::milliseconds login_timeout{180'000};                         // before login
  std::chrono::milliseconds idle_timeout{600'000};  // RFC 1939 section 3: at least 10 minutes
};

// What QUIT does with deleted messages by pop3_delete_type (default, expunge, flag): `default`
// makes a flag of it where pop3_deleted_flag names one.
inline bool expunges(std::string_view delete_type, std::string_view deleted_flag) {
  return delete_type == "expunge" || (delete_type == "default" && deleted_flag.empty());
}

}  // namespace mail::pop3
