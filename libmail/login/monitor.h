// Monitor: holds the rights and answers the table of monitor.cc (request, when allowed, handler).
// It parses neither protocol nor mail, delays and limits the guesses of a connection, and writes
// the log lines of logins in Dovecot's shape (docs/log-lines.md), so that fail2ban's stock filter
// works on them.
//
// Who asks may be in the hands of an attacker. What is not in the table, or not allowed now, ends
// the conversation with an error; nothing it says changes for whom a session is made.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "libmail/auth/account_list.h"
#include "libmail/auth/authenticator.h"
#include "libmail/login/hand_over.h"
#include "libmail/login/login_delay.h"
#include "libmail/login/monitor_messages.h"
#include "libmail/login/server.h"

namespace mail::login {

// Attempts of one connection. One more is answered TooMany without looking, and the next ends it.
inline constexpr unsigned kMaxAttempts = 10;

// Where passwords and accounts are, as the settings say.
std::unique_ptr<auth::AccountList> make_accounts(const Settings& settings);
std::unique_ptr<auth::Authenticator> make_authenticator(const Settings& settings);

// The name whose failures are counted together: every spelling of an account is one.
std::string account_of(const Settings& settings, std::string_view login_name);

// Waits, or until the other side of the channel has gone: false.
using Waiter = std::function<bool(const FileDescriptor& channel, std::chrono::milliseconds)>;
bool wait_or_hang_up(const FileDescriptor& channel, std::chrono::milliseconds time);

class Monitor {
 public:
  // `service` is "pop3", "imap" or "smtp"; the latter makes no sessions. `authenticator` and
  // `clock` outlive the monitor.
  Monitor(const Settings& settings, std::string service, net::Peer peer,
          auth::Authenticator& authenticator, const Clock& clock, Waiter waiter = wait_or_hang_up);

  // Answers until a session is to be made: then its record, and in `pipe` the end of a socket pair
  // the session speaks on when there is TLS. Nothing: the other side has gone without a login.
  // Denied: it asked for what the table does not give.
  Result<std::optional<HandOver>> serve(const FileDescriptor& channel, FileDescriptor& pipe);

  // After serve(): this session's place among those of its account and address
  // (mail_max_userip_connections), to be kept open as long as it lives. Perhaps none.
  FileDescriptor release_place() { return std::move(place_); }

 private:
  enum State : unsigned {  // bits: a row of the table names several
    Asking = 1,            // nobody has logged in
    Proving = 2,           // a SCRAM challenge is open
    Verified = 4,
  };
  // What a handler gives: the answer, what goes with it, and the session when it is the last.
  struct Outcome {
    Answer answer;
    FileDescriptor attached;
    std::optional<HandOver> session;
  };
  struct Row;
  static const Row* find_row(RequestKind kind);

  Result<Outcome> handle_verify(const FileDescriptor& channel, Request& request);
  Result<Outcome> handle_begin_scram(const FileDescriptor& channel, Request& request);
  Result<Outcome> handle_finish_scram(const FileDescriptor& channel, Request& request);
  Result<Outcome> handle_certificate(const FileDescriptor& channel, Request& request);
  Result<Outcome> handle_become(const FileDescriptor& channel, Request& request);

  // An attempt under this name begins: true while there are any left.
  Result<bool> begin_attempt(const std::string& user, const std::string& method, bool tls);
  Result<void> wait(const FileDescriptor& channel, std::chrono::milliseconds time);
  // The end of an attempt: the log's facts, the counters, and for a failure the time it takes.
  Result<Answer> conclude(const FileDescriptor& channel, Result<auth::Identity> identity);
  [[nodiscard]] std::optional<Error> objection_to(const auth::Identity& identity) const;
  std::optional<Error> take_place(const auth::Identity& identity);
  void log_login(const BecomeRequest& request) const;
  void log_end() const;

  const Settings& settings_;
  std::string service_;
  net::Peer peer_;
  auth::Authenticator& authenticator_;
  const Clock& clock_;
  Waiter waiter_;
  LoginDelay delay_;
  MonotonicTime begin_;
  State state_ = Asking;
  unsigned attempts_ = 0;
  bool certificate_given_ = false;
  MonotonicTime checked_since_;  // when the check of this attempt began
  std::string last_user_, last_method_;
  std::string last_reason_;
  bool last_tls_ = false;
  std::optional<auth::Identity> identity_;  // while Verified
  FileDescriptor place_;
  FileDescriptor pipe_;
};

}  // namespace mail::login
