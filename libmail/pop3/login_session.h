// LoginSession: POP3 before login (RFC 1939's AUTHORIZATION state). Runs in the front, which may
// open nothing: passwords are checked by asking (auth::Authenticator), mail is another class's
// (session.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/auth/sasl.h"
#include "libmail/auth/sasl_policy.h"
#include "libmail/base/clock.h"
#include "libmail/pop3/command.h"
#include "libmail/pop3/framer.h"
#include "libmail/pop3/settings.h"

namespace mail::pop3 {

class LoginSession {
 public:
  enum class Want : std::uint8_t { Input, Tls, LoggedIn, Close };
  struct Context {
    std::string peer_address;
    bool tls_offered = false;
    bool tls = false;
    auth::SaslPolicy sasl = {.plaintext_without_tls = true};
    auth::Authenticator* authenticator = nullptr;
  };
  LoginSession(const Settings& settings, Context context, const Clock& clock);

  std::string take_output() { return std::exchange(output_, {}); }
  [[nodiscard]] Want want() const { return want_; }
  [[nodiscard]] MonotonicTime deadline() const { return deadline_; }
  void receive(std::string_view octets);
  void timed_out();
  void terminate();
  void tls_started();

  // After LoggedIn.
  [[nodiscard]] const std::string& login_name() const { return login_name_; }
  [[nodiscard]] const auth::Identity& identity() const { return identity_; }
  std::string take_unread() { return framer_.take_rest(); }
  [[nodiscard]] bool is_utf8() const { return is_utf8_; }  // the client said UTF8 (RFC 6856)

 private:
  void process_line(std::string_view line);
  void on_user(std::string_view name);
  void on_pass(std::string& password);
  void on_auth(std::string_view argument);
  void on_stls();
  void on_utf8(std::string_view argument);
  void answer_sasl(auth::SaslStep step);
  void log_in(auth::Identity identity, std::string name);
  void refuse_login(const Error& error);
  bool refuse_cleartext();
  void close_with(std::string_view text);
  void say_capabilities();
  void count_error();

  const Settings& settings_;
  Context context_;
  LineFramer framer_;
  std::string user_;
  bool has_user_ = false;
  bool is_utf8_ = false;
  std::optional<auth::SaslExchange> sasl_;
  std::string login_name_;
  auth::Identity identity_;
  std::size_t errors_ = 0;
  std::size_t lines_ = 0;
  std::string output_;
  Want want_ = Want::Input;
  MonotonicTime deadline_;
};

// CAPA's lines (RFC 2449 section 6): what there is of RFC 2449, 3206, 5034, 6856 and 2595. Messages
// are kept until they are deleted (EXPIRE NEVER); no LOGIN-DELAY, since none is asked for. USER and
// SASL are announced after login as before it (RFC 2449 section 6.3, RFC 5034 section 3).
std::string capabilities(bool tls_offered, bool plaintext,
                         const std::vector<std::string_view>& mechanisms);

}  // namespace mail::pop3
