#include "libmail/login/login_delay.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "libmail/base/log.h"

namespace mail::login {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr counters::BootTime kNow{1'000'000};

class LoginDelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::open("test", log::Sink::Discard);
    std::string pattern = ::testing::TempDir() + "tubepost-delay-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  LoginDelay from(const std::string& address) { return {dir_ + "/auth", address}; }
  // One wrong password; how long it waited.
  milliseconds fail_once(const std::string& address, const std::string& account,
                         counters::BootTime now = kNow) {
    auto delay = from(address);
    const auto wait = delay.begin(account, now);
    delay.failed(now);
    return wait;
  }
  milliseconds succeed(const std::string& address, const std::string& account,
                       counters::BootTime now = kNow) {
    auto delay = from(address);
    const auto wait = delay.begin(account, now);
    delay.succeeded(now);
    return wait;
  }
  std::string dir_;
};

TEST_F(LoginDelayTest, GrowsByAddressAndIsBounded) {
  const int kExpected[] = {0, 0, 0, 1000, 2000, 4000, 8000, 15'000, 15'000, 15'000};
  int number = 0;
  for (const int expected : kExpected) {
    // Each time another account, from another connection.
    EXPECT_EQ(fail_once("192.0.2.1", "user" + std::to_string(number++)).count(), expected);
  }
  EXPECT_EQ(fail_once("192.0.2.2", "someone").count(), 0);
  // A right password from there waits as well, and washes nothing off.
  EXPECT_EQ(succeed("192.0.2.1", "mine"), kMaxAddressDelay);
  EXPECT_EQ(succeed("192.0.2.1", "mine"), kMaxAddressDelay);
  // In time it is forgotten.
  EXPECT_EQ(fail_once("192.0.2.1", "x", kNow + minutes(60)).count(), 0);
}

TEST_F(LoginDelayTest, OneNetworkIsOneAddress) {
  for (int i = 0; i < 3; ++i) {
    fail_once("2001:db8:1:2::" + std::to_string(i), "u" + std::to_string(i));
  }
  EXPECT_GT(fail_once("2001:db8:1:2:abcd::1", "u9").count(), 0);
  EXPECT_EQ(fail_once("2001:db8:1:3::1", "u9").count(), 0);
}

TEST_F(LoginDelayTest, AnOwnerIsNotLockedOut) {
  EXPECT_EQ(succeed("198.51.100.7", "boss").count(), 0);
  milliseconds longest{0};
  for (int i = 0; i < 100; ++i) {  // from everywhere at once
    longest = std::max(longest, fail_once("203.0.113." + std::to_string(i), "boss"));
  }
  EXPECT_EQ(longest, kMaxAccountDelay);
  EXPECT_EQ(succeed("198.51.100.7", "boss").count(), 0);         // where boss has been before
  EXPECT_EQ(succeed("198.51.100.8", "boss"), kMaxAccountDelay);  // at a new place: 5 s
  EXPECT_EQ(succeed("198.51.100.8", "boss").count(), 0);
  EXPECT_EQ(succeed("198.51.100.8", "ann").count(), 0);  // and nobody else is slower
}

// Guesses made at once wait as if they had been made one after the other.
TEST_F(LoginDelayTest, AtOnceIsNoFaster) {
  std::vector<LoginDelay> connections;
  std::vector<milliseconds> waits;
  for (int i = 0; i < 8; ++i) connections.push_back(from("192.0.2.1"));
  for (auto& one : connections) waits.push_back(one.begin("boss", kNow));
  EXPECT_EQ(waits.front().count(), 0);
  EXPECT_EQ(waits.back(), kMaxAddressDelay);
  for (auto& one : connections) one.abandoned(kNow);
  EXPECT_EQ(fail_once("192.0.2.1", "boss").count(), 0);
}

// A mail program opens several connections at once, where it has been before: none waits.
TEST_F(LoginDelayTest, ManyLoginsAtOnceOfOneWhoIsKnown) {
  EXPECT_EQ(succeed("192.0.2.1", "boss").count(), 0);
  std::vector<LoginDelay> connections;
  for (int i = 0; i < 30; ++i) connections.push_back(from("192.0.2.1"));
  for (auto& one : connections) EXPECT_EQ(one.begin("boss", kNow).count(), 0);
  for (auto& one : connections) one.succeeded(kNow);
  EXPECT_EQ(fail_once("192.0.2.1", "boss").count(), 0);
}

TEST_F(LoginDelayTest, WithoutCountersTheConnectionCounts) {
  LoginDelay delay("", "192.0.2.1");
  const int kExpected[] = {0, 0, 0, 1000, 2000};
  for (const int expected : kExpected) {
    EXPECT_EQ(delay.begin("boss", kNow).count(), expected);
    delay.failed(kNow);
  }
  LoginDelay nowhere(dir_ + "/none/auth", "192.0.2.1");
  EXPECT_EQ(nowhere.begin("boss", kNow).count(), 0);
}

TEST_F(LoginDelayTest, ThisMachineCountsByAccountOnly) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(fail_once("", "user" + std::to_string(i)).count(), 0);
  }
  for (int i = 0; i < 20; ++i) fail_once("", "boss");
  EXPECT_EQ(fail_once("", "boss"), kMaxAccountDelay);
}

}  // namespace
}  // namespace mail::login
