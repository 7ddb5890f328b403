// libgsasl's client against our server: PLAIN, LOGIN, SCRAM-SHA-256.
#include <gsasl.h>
#include <gtest/gtest.h>

#include <memory>

#include "libmail/auth/memory_authenticator.h"
#include "libmail/auth/sasl.h"

namespace mail::auth {
namespace {

class Client {
 public:
  Client(const char* mechanism, const std::string& user, const std::string& password) {
    EXPECT_EQ(::gsasl_init(&context_), GSASL_OK);
    EXPECT_EQ(::gsasl_client_start(context_, mechanism, &session_), GSASL_OK);
    EXPECT_EQ(::gsasl_property_set(session_, GSASL_AUTHID, user.c_str()), GSASL_OK);
    EXPECT_EQ(::gsasl_property_set(session_, GSASL_PASSWORD, password.c_str()), GSASL_OK);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    ::gsasl_finish(session_);
    ::gsasl_done(context_);
  }
  // Base 64 to base 64; what it thinks of the server is in `status`.
  std::string step(const std::string& challenge) {
    char* said = nullptr;
    status = ::gsasl_step64(session_, challenge.c_str(), &said);
    const std::unique_ptr<char, void (*)(void*)> owner(said, ::gsasl_free);
    return status == GSASL_OK || status == GSASL_NEEDS_MORE ? said : "*";
  }
  int status = GSASL_OK;

 private:
  ::Gsasl* context_ = nullptr;
  ::Gsasl_session* session_ = nullptr;
};

// Who has logged in, or the server's error.
std::string talk(const char* mechanism, const std::string& user, const std::string& password) {
  MemoryAuthenticator accounts;
  accounts.add({"user", 1, 1, "", ""}, "pencil");
  accounts.add({"a,b=c", 2, 2, "", ""}, "p\xc3\xa4ss");
  Client client(mechanism, user, password);
  auto exchange = SaslExchange::begin(mechanism, {&accounts, "imap", "", false}).value();
  auto step = exchange.start(std::nullopt);
  for (int turn = 0; turn < 6; ++turn) {
    const auto* challenge = std::get_if<Challenge>(&step);
    if (challenge == nullptr) break;
    step = exchange.respond(client.step(challenge->base64));
  }
  if (const auto* error = std::get_if<Error>(&step)) return "! " + error->public_text;
  if (!std::holds_alternative<Identity>(step)) return "no end";
  EXPECT_EQ(client.status, GSASL_OK) << mechanism;  // SCRAM: the server's signature is right
  return std::get<Identity>(step).user;
}

TEST(Gsasl, ClientLogsIn) {
  for (const char* mechanism : {"PLAIN", "LOGIN", "SCRAM-SHA-256"}) {
    SCOPED_TRACE(mechanism);
    EXPECT_EQ(talk(mechanism, "user", "pencil"), "user");
    EXPECT_EQ(talk(mechanism, "a,b=c", "p\xc3\xa4ss"), "a,b=c");
    EXPECT_EQ(talk(mechanism, "user", "pen"), "! Authentication failed");
    EXPECT_EQ(talk(mechanism, "nobody", "pencil"), "! Authentication failed");
  }
}

// Both prepare a password alike before they salt it.
TEST(Gsasl, PreparesPasswordsAlike) {
  EXPECT_EQ(talk("SCRAM-SHA-256", "a,b=c", "pa\xcc\x88ss"), "a,b=c");
  EXPECT_EQ(talk("SCRAM-SHA-256", "a,b=c", "p\xc2\xad\xc3\xa4ss"), "a,b=c");
}

}  // namespace
}  // namespace mail::auth
