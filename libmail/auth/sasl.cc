#include "libmail/auth/sasl.h"

#include <cstring>

#include "libmail/base/ascii.h"
#include "libmail/base/base64.h"
#include "libmail/base/utf8.h"

namespace mail::auth {
namespace {

Error malformed(std::string_view why) {
  return make_error(Errc::Syntax, EnhancedStatus{5, 5, 2},
                    "Malformed authentication response: " + std::string(why));
}

// saslprep (RFC 4013) prohibits controls; a name goes into PAM, a log and a file's grammar.
bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxUserOctets || !utf8::is_valid(name)) return false;
  for (const char c : name) {
    if (ascii::is_control(c)) return false;
  }
  return true;
}

}  // namespace

void wipe(std::string& secret) {
  ::explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

Credentials::Credentials(Credentials&& other) noexcept
    : user(std::move(other.user)), password(std::move(other.password)) {
  wipe(other.password);  // a short string is copied by the move, not moved
}

Credentials& Credentials::operator=(Credentials&& other) noexcept {
  if (this != &other) {
    wipe(password);
    user = std::move(other.user);
    password = std::move(other.password);
    wipe(other.password);
  }
  return *this;
}

const std::vector<std::string_view>& sasl_mechanisms() {
  static const std::vector<std::string_view> names = {"PLAIN", "LOGIN"};
  return names;
}

Result<SaslExchange> SaslExchange::begin(std::string_view mechanism) {
  if (ascii::iequals(mechanism, "PLAIN")) return SaslExchange(Kind::Plain);
  if (ascii::iequals(mechanism, "LOGIN")) return SaslExchange(Kind::Login);
  // RFC 4954 section 6: 504 5.5.4.
  return fail(make_error(Errc::Unsupported, EnhancedStatus{5, 5, 4},
                         "Unsupported authentication mechanism"));
}

std::string_view SaslExchange::mechanism() const {
  return kind_ == Kind::Plain ? "PLAIN" : "LOGIN";
}

SaslStep SaslExchange::start(std::optional<std::string_view> initial_response) {
  if (!initial_response) {
    // PLAIN: the client speaks first, so the challenge is empty. LOGIN asks for the name.
    return Challenge{kind_ == Kind::Plain ? std::string() : base64::encode("Username:")};
  }
  if (*initial_response == "=") return take("");
  return respond(*initial_response);
}

SaslStep SaslExchange::respond(std::string_view line) {
  if (line == "*")
    return make_error(Errc::Closed, EnhancedStatus{5, 7, 0}, "Authentication cancelled");
  if (line.size() > kMaxSaslLine) return malformed("too long");  // RFC 4954: 500 5.5.6
  auto octets = base64::decode(line);
  if (!octets) return malformed("not base 64");
  SaslStep step = take(*octets);
  wipe(*octets);
  return step;
}

SaslStep SaslExchange::take(std::string_view octets) {
  return kind_ == Kind::Plain ? take_plain(octets) : take_login(octets);
}

// message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 section 2)
SaslStep SaslExchange::take_plain(std::string_view octets) {
  const auto parts = ascii::split(octets, '\0');
  if (parts.size() != 3) return malformed("not three fields");
  const auto authorization = parts.at(0);
  const auto name = parts.at(1);
  const auto password = parts.at(2);
  if (!is_name(name)) return malformed("bad user name");
  if (password.empty() || password.size() > kMaxPasswordOctets) return malformed("bad password");
  if (!authorization.empty() && authorization != name) {
    // Nobody may act as another user here (master users are not offered).
    return make_error(Errc::Denied, EnhancedStatus{5, 7, 0}, "Authorization identity is not yours");
  }
  return Credentials(std::string(name), std::string(password));
}

SaslStep SaslExchange::take_login(std::string_view octets) {
  if (!has_user_) {
    // draft-murchison-sasl-login: the name may end in NUL; some old clients send one.
    if (octets.ends_with('\0')) octets.remove_suffix(1);
    if (!is_name(octets)) return malformed("bad user name");
    user_ = octets;
    has_user_ = true;
    return Challenge{base64::encode("Password:")};
  }
  if (octets.empty() || octets.size() > kMaxPasswordOctets ||
      octets.find('\0') != std::string_view::npos) {
    return malformed("bad password");
  }
  return Credentials(user_, std::string(octets));
}

}  // namespace mail::auth
