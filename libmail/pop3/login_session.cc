#include "libmail/pop3/login_session.h"

#include "libmail/base/ascii.h"
#include "libmail/pop3/response.h"

namespace mail::pop3 {
namespace {

constexpr std::size_t kMaxErrors = 20;
// Lines that one connection may send before login, SASL's included: ten attempts by USER and PASS
// or AUTH, with CAPA, STLS, CAPA and UTF8 before each, stay far below. Ours.
constexpr std::size_t kMaxLines = 200;
constexpr std::string_view kNoCleartext =
    "[AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.";

}  // namespace

std::string capabilities(bool tls_offered, bool plaintext,
                         const std::vector<std::string_view>& mechanisms) {
  std::string out =
      "+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nPIPELINING\r\nAUTH-RESP-CODE\r\n"
      "EXPIRE NEVER\r\nUTF8\r\n";
  if (tls_offered) out += "STLS\r\n";
  if (plaintext) out += "USER\r\n";
  if (!mechanisms.empty()) {
    out += "SASL";
    for (const auto mechanism : mechanisms) out += ' ' + std::string(mechanism);
    out += "\r\n";
  }
  return out + "IMPLEMENTATION Tubepost\r\n.\r\n";
}

LoginSession::LoginSession(const Settings& settings, Context context, const Clock& clock)
    : settings_(settings),
      context_(std::move(context)),
      deadline_(clock.monotonic() + settings.login_timeout) {
  output_ = ok(settings_.greeting);
}

void LoginSession::close_with(std::string_view text) {
  output_ += text;
  want_ = Want::Close;
}

void LoginSession::timed_out() { close_with(error("[SYS/TEMP] Disconnected for inactivity.")); }
void LoginSession::terminate() { close_with(error("[SYS/TEMP] Server shutting down.")); }

void LoginSession::tls_started() {
  // RFC 2595 section 4: what was said before is forgotten, unread input included.
  context_.tls = true;
  framer_.clear();
  has_user_ = false;
  is_utf8_ = false;
  user_.clear();
  sasl_.reset();
  want_ = Want::Input;
}

void LoginSession::receive(std::string_view octets) {
  if (octets.empty()) {
    want_ = Want::Close;
    return;
  }
  framer_.feed(octets);
  while (want_ == Want::Input) {
    auto line = framer_.next();
    if (!line) return;
    if (++lines_ > kMaxLines) {
      close_with(error("Too many commands before login."));
    } else if (*line) {
      process_line(**line);
      auth::wipe(**line);  // perhaps a password
    } else if (line->error().code == Errc::TooLarge) {
      close_with(error("Line too long."));
    } else {
      sasl_.reset();
      output_ += error("NUL is not allowed.");
      count_error();
    }
  }
}

void LoginSession::count_error() {
  if (++errors_ >= kMaxErrors) close_with(error("Too many invalid commands."));
}

bool LoginSession::refuse_cleartext() {
  if (context_.sasl.allows_plaintext(context_.tls)) return false;
  output_ += error(kNoCleartext);
  count_error();
  return true;
}

void LoginSession::say_capabilities() {
  output_ += capabilities(context_.tls_offered && !context_.tls,
                          context_.sasl.allows_plaintext(context_.tls),
                          context_.sasl.offered(context_.tls));
}

void LoginSession::process_line(std::string_view line) {
  if (sasl_) {
    answer_sasl(sasl_->respond(line));
    return;
  }
  Command command = parse_command(line);
  const std::string_view argument = ascii::trim(command.argument);
  if (command.verb == "CAPA") {
    say_capabilities();
  } else if (command.verb == "USER") {
    on_user(argument);
  } else if (command.verb == "PASS") {
    on_pass(command.argument);
  } else if (command.verb == "AUTH") {
    on_auth(argument);
  } else if (command.verb == "STLS") {
    on_stls();
  } else if (command.verb == "UTF8") {
    on_utf8(argument);
  } else if (command.verb == "QUIT") {
    output_ += ok("Logging out");
    want_ = Want::Close;
  } else if (command.verb == "NOOP") {
    output_ += ok("");
  } else {
    output_ += error("Unknown command.");
    count_error();
  }
}

void LoginSession::on_user(std::string_view name) {
  if (refuse_cleartext()) return;
  if (name.empty()) {
    output_ += error("USER takes a name.");
    count_error();
    return;
  }
  user_ = name;
  has_user_ = true;
  output_ += ok("");
}

void LoginSession::on_stls() {
  if (!context_.tls_offered || context_.tls) {
    output_ += error(context_.tls ? "TLS is already active." : "TLS support isn't enabled.");
    count_error();
    return;
  }
  output_ += ok("Begin TLS negotiation now.");
  framer_.clear();  // plaintext behind STLS is never used (CVE-2011-0411 and its kin)
  want_ = Want::Tls;
}

// RFC 6856 section 2.1; what it means is the mailbox session's.
void LoginSession::on_utf8(std::string_view argument) {
  if (!argument.empty()) {
    output_ += error("UTF8 takes no argument.");
    count_error();
    return;
  }
  is_utf8_ = true;
  output_ += ok("UTF-8 mode.");
}

void LoginSession::on_pass(std::string& password) {
  if (!has_user_) {
    output_ += error("No username given.");
    count_error();
    return;
  }
  has_user_ = false;
  // A password may begin and end with spaces: everything behind the one space (RFC 1939 section 7).
  auto identity = context_.authenticator->verify(
      {user_, password, "pop3", context_.peer_address, "PLAIN", context_.tls});
  auth::wipe(password);
  if (identity) {
    log_in(std::move(*identity), std::move(user_));
  } else {
    refuse_login(identity.error());
  }
}

// "AUTH" [SP mechanism [SP initial-response]] (RFC 5034 section 4)
void LoginSession::on_auth(std::string_view argument) {
  const auto words = ascii::words(argument, " ");
  if (words.empty()) {
    // Old Outlook asks so for the mechanisms (requirements S62).
    output_ += "+OK\r\n";
    for (const auto mechanism : context_.sasl.offered(context_.tls))
      output_ += std::string(mechanism) + "\r\n";
    output_ += ".\r\n";
    return;
  }
  if (words.size() > 2) {
    output_ += error("AUTH takes a mechanism and one initial response.");
    count_error();
    return;
  }
  if (const auto objection = context_.sasl.objection_to(words.front(), context_.tls)) {
    output_ +=
        error(objection->code == Errc::PrivacyRequired ? kNoCleartext
                                                       : "Unsupported authentication mechanism.");
    count_error();
    return;
  }
  auto exchange = auth::SaslExchange::begin(
      words.front(), {context_.authenticator, "pop3", context_.peer_address, context_.tls});
  if (!exchange) {
    refuse_login(exchange.error());
    return;
  }
  sasl_ = *std::move(exchange);
  answer_sasl(sasl_->start(words.size() > 1 ? std::optional(words.at(1)) : std::nullopt));
}

void LoginSession::answer_sasl(auth::SaslStep step) {
  if (const auto* challenge = std::get_if<auth::Challenge>(&step)) {
    output_ += "+ " + challenge->base64 + "\r\n";
    return;
  }
  std::string name = sasl_->user();
  sasl_.reset();
  const auto* failure = std::get_if<Error>(&step);
  if (failure == nullptr) {
    log_in(std::get<auth::Identity>(std::move(step)), std::move(name));
  } else if (failure->code == Errc::Closed || failure->code == Errc::Syntax) {
    output_ += error(failure->code == Errc::Closed ? "Authentication aborted by client."
                                                   : "Invalid authentication response.");
    count_error();
  } else {
    refuse_login(*failure);
  }
}

void LoginSession::refuse_login(const Error& error) {
  // After too many attempts the monitor answers no more on this connection.
  if (error.code == Errc::TooMany) {
    close_with(pop3::error("[AUTH] Too many attempts."));
    return;
  }
  output_ += to_response(error);
  count_error();
}

void LoginSession::log_in(auth::Identity identity, std::string name) {
  identity_ = std::move(identity);
  login_name_ = std::move(name);
  want_ = Want::LoggedIn;
}

}  // namespace mail::pop3
