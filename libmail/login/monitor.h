// Monitor: holds the rights and answers the table of monitor_messages.h. It parses neither protocol
// nor mail, limits the attempts of a connection, and writes the log lines of logins in Dovecot's
// shape (docs/log-lines.md), so that fail2ban's stock filter works on them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "libmail/auth/authenticator.h"
#include "libmail/login/hand_over.h"
#include "libmail/login/monitor_messages.h"
#include "libmail/login/server.h"

namespace mail::login {

// Attempts of one connection; then the answer is Denied without looking.
inline constexpr unsigned kMaxAttempts = 10;

// Password file or PAM, as the settings say.
std::unique_ptr<auth::Authenticator> make_authenticator(const Settings& settings);

class Monitor {
 public:
  // `service` is "pop3", "imap" or "smtp". `authenticator` and `clock` outlive the monitor.
  Monitor(const Settings& settings, std::string service, net::Peer peer,
          auth::Authenticator& authenticator, const Clock& clock);

  // Answers until a session is to be made: then its record, and in `pipe` the end of a socket pair
  // the session speaks on when there is TLS. Nothing: the other side has gone without a login.
  Result<std::optional<HandOver>> serve(const FileDescriptor& channel, FileDescriptor& pipe);

 private:
  Answer answer(const VerifyRequest& request);
  Answer answer(const CertificateRequest& request, FileDescriptor& record);
  [[nodiscard]] std::optional<Error> objection_to(const auth::Identity& identity) const;
  void log_login(const BecomeRequest& request) const;
  void log_end() const;

  const Settings& settings_;
  std::string service_;
  net::Peer peer_;
  auth::Authenticator& authenticator_;
  const Clock& clock_;
  MonotonicTime begin_;
  unsigned attempts_ = 0;
  bool certificate_given_ = false;
  std::string last_user_, last_method_;
  std::string last_reason_;
  bool last_tls_ = false;
  std::optional<auth::Identity> identity_;  // of the last attempt that succeeded
};

}  // namespace mail::login
