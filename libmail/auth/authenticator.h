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
      mail_location;    // overrides mail_location when not empty (password file's extra field)
  bool has_ids = true;  // false: uid and gid are still to be found (account_list.h)
};

struct Attempt {
  std::string_view user;              // as the client gave it: "boss" or "boss@linuxprobe.com"
  std::string_view password;          // wiped by its owner after use
  std::string_view service;           // "pop3", "imap", "smtp": PAM's and the log's name
  std::string_view peer;              // client address for the log and for delays
  std::string_view method = "PLAIN";  // SASL mechanism for the log; USER/PASS and LOGIN are PLAIN
  bool tls = false;                   // for the log
};

// SCRAM (RFC 5802) in two questions. Who speaks with the client parses its messages and hands on
// these parts, bounded and otherwise unread; nonce, salt, AuthMessage and the check of the proof
// are the authenticator's.
inline constexpr std::size_t kMaxScramPart = 1024;       // octets of gs2-header and first message
inline constexpr std::size_t kMaxScramNonce = 128;       // of the client
inline constexpr std::size_t kScramProof = 32;           // SHA-256
inline constexpr std::size_t kMaxScramExtensions = 256;  // of the final message

struct ScramFirst {
  std::string_view user;        // saslname, decoded
  std::string_view gs2_header;  // "n,," or "y,,"; the authorization identity is the user's own
  std::string_view nonce;       // the client's
  std::string_view bare;        // client-first-message-bare
  std::string_view service, peer;
  bool tls = false;
};
struct ScramFinal {
  std::string_view proof;       // decoded
  std::string_view extensions;  // ",x=..." between nonce and proof; mostly empty
};
struct ScramOutcome {
  Identity identity;
  std::string server_signature;  // not encoded
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // BadCredentials (5.7.8) for unknown user and wrong password alike, same text, same time;
  // Denied for an account that may not log in; Unavailable when it cannot be checked now.
  virtual Result<Identity> verify(const Attempt& attempt) = 0;

  // The server-first-message. An unknown user gets one too, the same at each asking. Unsupported
  // where the accounts' passwords are not ours to see (PAM).
  virtual Result<std::string> begin_scram(const ScramFirst& first);
  // Once after each begin_scram(); errors as verify().
  virtual Result<ScramOutcome> finish_scram(const ScramFinal& final);
};

// Accounts without passwords: what delivery and RCPT checks need. System accounts (NSS) or the
// password file; NotFound when there is none, Unavailable when it cannot be told now.
class Accounts {
 public:
  virtual ~Accounts() = default;
  virtual Result<Identity> find(std::string_view name) = 0;
};

}  // namespace mail::auth
