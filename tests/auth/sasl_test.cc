#include "libmail/auth/sasl.h"

#include <gtest/gtest.h>

#include "libmail/auth/sasl_policy.h"
#include "libmail/base/base64.h"

namespace mail::auth {
namespace {

using Lines = std::vector<std::string>;

// Takes any password and keeps it.
class Listener final : public Authenticator {
 public:
  Result<Identity> verify(const Attempt& attempt) override {
    heard = std::string(attempt.user) + "/" + std::string(attempt.password);
    Identity identity;
    identity.user = attempt.user;
    return identity;
  }
  std::string heard;
};

// The dialogue's end: "user/password", "? challenge", or "! error text".
std::string run(std::string_view mechanism, std::optional<std::string> initial,
                const Lines& lines) {
  Listener listener;
  auto exchange = SaslExchange::begin(mechanism, {&listener, "pop3", "192.0.2.1", false});
  if (!exchange) return "! " + exchange.error().public_text;
  SaslStep step = initial ? exchange->start(*initial) : exchange->start(std::nullopt);
  for (const auto& line : lines) {
    if (!std::holds_alternative<Challenge>(step)) return "! asked for less";
    step = exchange->respond(line);
  }
  if (const auto* challenge = std::get_if<Challenge>(&step)) return "? " + challenge->base64;
  if (const auto* error = std::get_if<Error>(&step)) return "! " + error->public_text;
  EXPECT_EQ(exchange->user(), std::get<Identity>(step).user);
  return listener.heard;
}
std::string b64(std::string_view octets) { return base64::encode(octets); }
const std::string kNul(1, '\0');

TEST(Sasl, Dialogues) {
  const struct {
    const char* name;
    const char* mechanism;
    std::optional<std::string> initial;
    Lines lines;
    std::string expected;
  } kCases[] = {
      {"RFC 4616 section 4: tim",
       "PLAIN",
       std::nullopt,
       {b64(kNul + "tim" + kNul + "tanstaaftanstaaf")},
       "tim/tanstaaftanstaaf"},
      {"RFC 4616 section 4: Ursel as Kurt",
       "PLAIN",
       std::nullopt,
       {b64("Ursel" + kNul + "Kurt" + kNul + "xipj3plmq")},
       "! Authorization identity is not yours"},
      {"RFC 4954 section 4.1", "plain", "dGVzdAB0ZXN0ADEyMzQ=", {}, "test/1234"},
      {"empty challenge first", "PLAIN", std::nullopt, {}, "? "},
      {"LOGIN asks for the name", "LOGIN", std::nullopt, {}, "? VXNlcm5hbWU6"},
      {"then for the password", "LOGIN", std::nullopt, {b64("boss")}, "? UGFzc3dvcmQ6"},
      {"LOGIN", "LOGIN", std::nullopt, {b64("boss"), b64("linuxprobe")}, "boss/linuxprobe"},
      {"LOGIN with initial response (Foxmail)", "LOGIN", b64("boss"), {b64("x y")}, "boss/x y"},
      {"spaces behind it", "LOGIN", b64("boss") + " ", {b64("x y") + "  "}, "boss/x y"},
      {"a NUL behind the name", "LOGIN", b64("boss" + kNul), {b64("x")}, "boss/x"},
      {"an empty name is asked for again", "LOGIN", "=", {}, "? VXNlcm5hbWU6"},
      {"not padded", "LOGIN", "Ym9zcw", {}, "! Malformed authentication response: not base 64"},
      {"cancelled", "LOGIN", std::nullopt, {"*"}, "! Authentication cancelled"},
      {"cancelled at the password", "LOGIN", b64("boss"), {"*"}, "! Authentication cancelled"},
      {"not base 64",
       "PLAIN",
       std::nullopt,
       {"a$b="},
       "! Malformed authentication response: not base 64"},
      {"\"=\" is an empty response",
       "PLAIN",
       "=",
       {},
       "! Malformed authentication response: not three fields"},
      {"no password",
       "PLAIN",
       b64(kNul + "tim" + kNul),
       {},
       "! Malformed authentication response: bad password"},
      {"no name",
       "PLAIN",
       b64(kNul + kNul + "secret"),
       {},
       "! Malformed authentication response: bad user name"},
      {"four fields",
       "PLAIN",
       b64(kNul + "a" + kNul + "b" + kNul),
       {},
       "! Malformed authentication response: not three fields"},
      {"line end in a name",
       "LOGIN",
       b64("a\nb"),
       {},
       "! Malformed authentication response: bad user name"},
      {"name too long",
       "LOGIN",
       b64(std::string(256, 'a')),
       {},
       "! Malformed authentication response: bad user name"},
      {"longest name", "LOGIN", b64(std::string(255, 'a')), {}, "? UGFzc3dvcmQ6"},
      {"line too long",
       "PLAIN",
       std::string(kMaxSaslLine + 4, 'A'),
       {},
       "! Malformed authentication response: too long"},
      {"unknown", "CRAM-MD5", std::nullopt, {}, "! Unsupported authentication mechanism"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(run(c.mechanism, c.initial, c.lines), c.expected);
  }
}

TEST(Sasl, Policy) {
  const auto names = [](SaslPolicy policy, bool tls) {
    std::string all;
    for (const auto name : policy.offered(tls)) all += std::string(name) + ' ';
    return all;
  };
  EXPECT_EQ(names({}, false), "");
  EXPECT_EQ(names({}, true), "PLAIN LOGIN ");
  EXPECT_EQ(names({true, false, true}, false), "SCRAM-SHA-256 ");
  EXPECT_EQ(names({true, false, true}, true), "PLAIN LOGIN SCRAM-SHA-256 ");
  EXPECT_EQ(names({true, true, false}, false), "");
  EXPECT_EQ(names({false, true, true}, false), "PLAIN LOGIN ");
  EXPECT_EQ(SaslPolicy{}.objection_to("plain", false)->code, Errc::PrivacyRequired);
  EXPECT_EQ(SaslPolicy{}.objection_to("SCRAM-SHA-256", true)->code, Errc::Unsupported);
  EXPECT_EQ(SaslPolicy{}.objection_to("SCRAM-SHA-256-PLUS", true)->code, Errc::Unsupported);
}

}  // namespace
}  // namespace mail::auth
