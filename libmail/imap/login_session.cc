#include "libmail/imap/login_session.h"

#include <utility>

#include "libmail/imap/response.h"

namespace mail::imap {

namespace {

// A stranger's command: a line of SASL (RFC 4954's 12288 octets) or a name and a password.
constexpr std::size_t kCommandOctets = 16U << 10U;
constexpr int kMaxErrors = 20;
// Commands that one connection may send before login, lines of SASL included. Ours; ten attempts to
// log in with all that clients say around them stay far below.
constexpr int kMaxCommands = 200;
constexpr std::chrono::minutes kLoginTimeout{3};

}  // namespace

LoginSession::LoginSession(Context context, const Clock& clock)
    : context_(std::move(context)),
      deadline_(clock.monotonic() + kLoginTimeout),
      framer_({kCommandOctets}) {
  out_ = "* OK [CAPABILITY " + capabilities() + "] Tubepost ready\r\n";
}

std::string LoginSession::capabilities() const {
  std::string text = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE";
  if (context_.tls_offered && !context_.tls) text += " STARTTLS";
  // RFC 3501 section 6.2.3: of the LOGIN command; a proof may travel where a password may not.
  if (!context_.sasl.allows_plaintext(context_.tls)) text += " LOGINDISABLED";
  for (const auto mechanism : context_.sasl.offered(context_.tls)) {
    text += " AUTH=" + std::string(mechanism);
  }
  return text;
}

std::string LoginSession::take_output() {
  process();
  return std::exchange(out_, {});
}

void LoginSession::receive(std::string_view octets) {
  if (octets.empty()) {
    want_ = Want::Close;
    return;
  }
  framer_.feed(octets);
}

void LoginSession::close_with(std::string_view text) {
  if (want_ == Want::Close) return;
  out_ += "* BYE " + std::string(text) + "\r\n";
  want_ = Want::Close;
}

void LoginSession::say(std::string_view text) {
  out_ += (tag_.empty() ? "*" : tag_) + ' ' + std::string(text) + "\r\n";
}

void LoginSession::refuse(const Error& error) {
  say(to_response(error));
  if (++errors_ >= kMaxErrors) close_with("Too many invalid commands");
}

void LoginSession::tls_started() {
  // RFC 3501 section 6.2.1: what was learned before is forgotten, unread input included.
  context_.tls = true;
  framer_.forget();
  sasl_.reset();
  want_ = Want::Input;
}

void LoginSession::process() {
  while (want_ == Want::Input) {
    switch (framer_.next()) {
      case Framer::Event::NeedInput:
      case Framer::Event::Chunk:
      case Framer::Event::Streamed:
        return;  // nothing is streamed before login
      case Framer::Event::TooLong:
        close_with("[TOOBIG] Command is too long");
        return;
      case Framer::Event::Announced:
        process_literal();
        break;
      case Framer::Event::Complete:
        if (++commands_ > kMaxCommands) {
          close_with("Too many commands before login");
          return;
        }
        process_command();
        break;
    }
  }
}

void LoginSession::process_literal() {
  const auto& literal = framer_.literal();
  if (framer_.has_room_for_literal()) {
    if (literal.synchronizing) out_ += "+ OK\r\n";
    framer_.collect();
    return;
  }
  const Error error = make_error(Errc::TooLarge, "Literal is too large");
  if (literal.synchronizing) {
    tag_ = parse_request(framer_.text()).tag;
    framer_.drop_command();
    refuse(error);
  } else if (literal.size > kCommandOctets * 16) {  // RFC 7888 section 4
    close_with("[TOOBIG] Literal is too large");
  } else {
    refused_literal_ = error;
    framer_.skip();
  }
}

void LoginSession::process_command() {
  if (sasl_) {
    answer_sasl(sasl_->respond(framer_.text()));
    return;
  }
  Request request = parse_request(framer_.text());
  tag_ = request.tag;
  if (const auto refused = std::exchange(refused_literal_, std::nullopt)) {
    refuse(*refused);
  } else if (framer_.is_faulty()) {
    refuse(make_error(Errc::Syntax, "Lines end in CRLF; bare CR, bare LF and NUL are refused"));
  } else if (!request.command) {
    refuse(request.command.error());
  } else if ((static_cast<std::uint8_t>(request.allowed) &
              static_cast<std::uint8_t>(In::NotAuthenticated)) == 0) {
    refuse(make_error(Errc::BadSequence, "Log in first"));
  } else {
    std::visit([this](const auto& command) { on(command); }, *request.command);
    if (auto* login = std::get_if<Login>(&*request.command)) auth::wipe(login->password);
  }
}

void LoginSession::on(const Capability&) {
  out_ += "* CAPABILITY " + capabilities() + "\r\n";
  say("OK Capability completed");
}

void LoginSession::on(const Logout&) {
  close_with("Logging out");
  say("OK Logout completed");
}

void LoginSession::on(const Id&) {
  out_ += "* ID (\"name\" \"Tubepost\")\r\n";
  say("OK ID completed");
}

void LoginSession::on(const StartTls&) {
  if (context_.tls || !context_.tls_offered) {
    refuse(make_error(Errc::BadSequence,
                      context_.tls ? "TLS is already active" : "TLS is not available"));
    return;
  }
  say("OK Begin TLS negotiation now");
  framer_.forget();  // plaintext behind STARTTLS is never used (CVE-2011-0411)
  want_ = Want::Tls;
}

void LoginSession::on(const Login& login) {
  if (!context_.sasl.allows_plaintext(context_.tls)) {
    refuse(make_error(Errc::PrivacyRequired, "Log in under TLS only"));
    return;
  }
  auto identity = context_.authenticator->verify(
      {login.user, login.password, "imap", context_.peer, "PLAIN", context_.tls});
  if (identity) {
    log_in(login.user);
  } else {
    refuse_login(identity.error());
  }
}

void LoginSession::on(const Authenticate& authenticate) {
  if (const auto objection = context_.sasl.objection_to(authenticate.mechanism, context_.tls)) {
    if (objection->code == Errc::PrivacyRequired) {
      refuse(make_error(Errc::PrivacyRequired, "Log in under TLS only"));
    } else {
      // RFC 3501 section 6.2.2: NO for a mechanism that is not ours.
      refuse(make_error(Errc::BadCredentials, "[CANNOT] No such mechanism"));
    }
    return;
  }
  auto exchange = auth::SaslExchange::begin(
      authenticate.mechanism, {context_.authenticator, "imap", context_.peer, context_.tls});
  if (!exchange) {
    refuse(exchange.error());
    return;
  }
  sasl_ = *std::move(exchange);
  answer_sasl(sasl_->start(authenticate.initial_response));
}

void LoginSession::answer_sasl(auth::SaslStep step) {
  if (const auto* challenge = std::get_if<auth::Challenge>(&step)) {
    out_ += "+ " + challenge->base64 + "\r\n";
    return;
  }
  std::string name = sasl_->user();
  sasl_.reset();
  if (std::holds_alternative<auth::Identity>(step)) {
    log_in(std::move(name));
    return;
  }
  auto error = std::get<Error>(std::move(step));
  // RFC 3501 section 6.2.2: a cancelled exchange is answered BAD.
  if (error.code == Errc::Closed) error = make_error(Errc::Syntax, "Authentication cancelled");
  refuse_login(error);
}

void LoginSession::refuse_login(const Error& error) {
  // After too many attempts the monitor answers no more on this connection.
  if (error.code == Errc::TooMany) {
    say("NO [AUTHENTICATIONFAILED] Too many attempts");
    close_with("Too many attempts");
    return;
  }
  refuse(error);  // RFC 5530 section 3: unknown name and wrong password look the same
}

void LoginSession::log_in(std::string name) {
  login_name_ = std::move(name);
  want_ = Want::LoggedIn;
}

}  // namespace mail::imap
