// Settings of the POP3 server, with Dovecot's names.
#pragma once

#include <chrono>
#include <string>

namespace mail::pop3 {

struct Settings {
  std::string greeting = "Tubepost ready.";          // login_greeting
  std::string uidl_format = "%08Xu%08Xv";            // pop3_uidl_format
  bool no_flag_updates = false;                      // pop3_no_flag_updates
  bool lock_session = false;                         // pop3_lock_session
  std::chrono::milliseconds login_timeout{180'000};  // before login
  std::chrono::milliseconds idle_timeout{600'000};   // RFC 1939 section 3: at least 10 minutes
};

}  // namespace mail::pop3
