// Accounts and passwords: tests/pam/run.sh.
#include "libmail/auth/pam/pam_authenticator.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

namespace mail::auth::pam {
namespace {

using ::testing::HasSubstr;

class PamAuthenticatorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_NE(std::getenv("PAM_WRAPPER"), nullptr) << "started by tests/pam/run.sh only";
  }
  Result<Identity> verify(std::string_view user, std::string_view password) {
    Attempt attempt;
    attempt.user = user;
    attempt.password = password;
    attempt.service = "pop3";
    attempt.peer = "192.0.2.1";
    return authenticator_.verify(attempt);
  }
  PamAuthenticator authenticator_{LoginNames{{"linuxprobe.com"}}};
};

TEST_F(PamAuthenticatorTest, RightPasswordGivesTheSystemAccount) {
  const auto identity = verify("alice", "secret");
  ASSERT_TRUE(identity) << identity.error().log_text;
  EXPECT_EQ(identity->user, "alice");
  EXPECT_EQ(identity->uid, 5001U);
  EXPECT_EQ(identity->gid, 5001U);
  EXPECT_EQ(identity->home, "/home/alice");
}

TEST_F(PamAuthenticatorTest, LoginNamesMayBeAddressesAndCapitalised) {
  for (const char* name : {"boss@linuxprobe.com", "Boss", "BOSS@LinuxProbe.com"}) {
    const auto identity = verify(name, "redhat");
    ASSERT_TRUE(identity) << name << ": " << identity.error().log_text;
    EXPECT_EQ(identity->user, "boss");
  }
  EXPECT_FALSE(verify("boss@elsewhere.example", "redhat"));
}

// Nothing in an answer tells whether an account exists.
TEST_F(PamAuthenticatorTest, UnknownUserAndWrongPasswordAreAnsweredAlike) {
  const auto wrong = verify("alice", "Secret");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::BadCredentials);
  EXPECT_EQ(wrong.error().status, (EnhancedStatus{5, 7, 8}));
  struct Case {
    const char* what;
    std::string_view user;
    std::string_view password;
  };
  using namespace std::string_view_literals;
  for (const auto& c : {Case{"unknown", "nobody-here", "secret"},
                        Case{"empty password", "alice", ""}, Case{"empty name", "", "secret"},
                        Case{"account without a PAM entry", "nopassword", "secret"},
                        Case{"locked, wrong password", "locked", "wrong"},
                        Case{"other service's account, wrong password", "elsewhere", "x"},
                        Case{"NUL in the name", "alice\0x"sv, "secret"},
                        Case{"NUL in the password", "alice", "secret\0x"sv},
                        Case{"path in the name", "../alice", "secret"}}) {
    const auto answer = verify(c.user, c.password);
    ASSERT_FALSE(answer) << c.what;
    EXPECT_EQ(answer.error().code, wrong.error().code) << c.what << answer.error().log_text;
    EXPECT_EQ(answer.error().status, wrong.error().status) << c.what;
    EXPECT_EQ(answer.error().public_text, wrong.error().public_text) << c.what;
  }
}

TEST_F(PamAuthenticatorTest, LockedAccountIsDeniedOnceThePasswordIsRight) {
  const auto answer = verify("locked", "secret");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::Denied);
  EXPECT_THAT(answer.error().log_text, HasSubstr("locked: pam account: "));
  EXPECT_EQ(answer.error().public_text, "Login is not allowed");

  const auto not_here = verify("elsewhere", "secret");  // allowed for another service
  ASSERT_FALSE(not_here);
  EXPECT_EQ(not_here.error().code, Errc::Denied);
}

TEST_F(PamAuthenticatorTest, PasswordWithoutASystemAccountIsDenied) {
  const auto answer = verify("ghost", "secret");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::Denied);
  EXPECT_THAT(answer.error().log_text, HasSubstr("no system account"));
}

// The delay after a failure is the monitor's (libmail/login), not pam_unix's two seconds.
TEST_F(PamAuthenticatorTest, DoesNotWaitAfterAFailure) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_FALSE(verify("alice", "wrong"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{1});
}

TEST_F(PamAuthenticatorTest, LeavesNoDescriptorOpen) {
  const auto count = [] {
    int descriptors = 0;
    ::DIR* directory = ::opendir("/proc/self/fd");
    while (::readdir(directory) != nullptr) ++descriptors;
    ::closedir(directory);
    return descriptors;
  };
  EXPECT_FALSE(verify("alice", "wrong"));
  EXPECT_TRUE(verify("alice", "secret"));
  const int before = count();
  for (int at = 0; at < 5; ++at) {
    EXPECT_TRUE(verify("alice", "secret"));
    EXPECT_FALSE(verify("locked", "secret"));
    EXPECT_FALSE(verify("alice", "wrong"));
  }
  EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace mail::auth::pam
