// LoginSession: IMAP before login (RFC 3501 section 6.1 and 6.2). It checks a name and a password
// by an auth::Authenticator and then wants HandOver: the tagged answer of LOGIN or AUTHENTICATE is
// given by Session, in another process.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libmail/auth/authenticator.h"
#include "libmail/auth/sasl.h"
#include "libmail/auth/sasl_policy.h"
#include "libmail/base/clock.h"
#include "libmail/imap/framer.h"
#include "libmail/imap/parser.h"
#include "libmail/imap/want.h"

namespace mail::imap {

class LoginSession {
 public:
  struct Context {
    std::string peer;
    bool tls_offered = false;
    bool tls = false;
    auth::SaslPolicy sasl;
    auth::Authenticator* authenticator = nullptr;
  };
  LoginSession(Context context, const Clock& clock);

  [[nodiscard]] Want want() const { return want_; }
  std::string take_output();
  [[nodiscard]] MonotonicTime deadline() const { return deadline_; }
  void receive(std::string_view octets);
  void timed_out() { close_with("Disconnected for inactivity"); }
  void tls_started();
  void terminate() { close_with("[UNAVAILABLE] Server is going down, try again soon"); }

  // Once logged in (Want::LoggedIn):
  [[nodiscard]] const std::string& login_name() const { return login_name_; }
  [[nodiscard]] const std::string& tag() const { return tag_; }
  std::string take_unread() { return framer_.take_unread(); }

 private:
  void process();
  void process_command();
  void process_literal();
  void answer_sasl(auth::SaslStep step);
  void log_in(std::string name);
  void say(std::string_view text);  // tagged
  void refuse(const Error& error);
  void refuse_login(const Error& error);
  void close_with(std::string_view text);
  [[nodiscard]] std::string capabilities() const;

  void on(const Capability&);
  void on(const Noop&) { say("OK Noop completed"); }
  void on(const Logout&);
  void on(const Id&);
  void on(const StartTls&);
  void on(const Login& login);
  void on(const Authenticate& authenticate);
  template <class Other>
  void on(const Other&) {}  // refused by the verb table

  Context context_;
  MonotonicTime deadline_;
  Framer framer_;
  Want want_ = Want::Input;
  std::string out_;
  std::string tag_;
  std::string login_name_;
  std::optional<auth::SaslExchange> sasl_;
  std::optional<Error> refused_literal_;
  int errors_ = 0;
  int commands_ = 0;
};

}  // namespace mail::imap
