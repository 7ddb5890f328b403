// Authenticator: whether a name and a password belong together, and whose account that is.
//
// Implementations: auth/pam (a module opened by the monitor), auth/password_file.h, and the twin in
// tests. A front never calls one: it asks the monitor (libmail/login), which does.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::auth {

// Who somebody is to the kernel and to the store.
struct Identity {
  std::string user;  // account name, as the account data spell it
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::string
      mail_location;  // overrides mail_location when not empty (password file's extra field)
};

struct Attempt {
  std::string_view user;              // as the client gave it: "boss" or "boss@linuxprobe.com"
  std::string_view password;          // wiped by its owner after use
  std::string_view service;           // "pop3", "imap", "smtp": PAM's and the log's name
  std::string_view peer;              // client address for the log and for delays
  std::string_view method = "PLAIN";  // SASL mechanism for the log; USER/PASS and LOGIN are PLAIN
  bool tls = false;                   // for the log
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // BadCredentials (5.7.8) for unknown user and wrong password alike, same text, same time;
  // Denied for an account that may not log in; Unavailable when it cannot be checked now.
  virtual Result<Identity> verify(const Attempt& attempt) = 0;
};

// Accounts without passwords: what delivery and RCPT checks need. System accounts (NSS) or the
// password file; NotFound when there is none, Unavailable when it cannot be told now.
class Accounts {
 public:
  virtual ~Accounts() = default;
  virtual Result<Identity> find(std::string_view name) = 0;
};

}  // namespace mail::auth
