#include "libmail/login/monitor_messages.h"

#include <gtest/gtest.h>

namespace mail::login {
namespace {

const std::string kProof(32, '\x01');

std::vector<Request> one_of_each() {
  return {VerifyRequest{"boss", "linuxprobe", "PLAIN", true},
          BecomeRequest{"boss@linuxprobe.com", "a1", "NOOP\r\n", "TLSv1.3", true},
          BeginScramRequest{"user", "n,,", "abc", "n=user,r=abc", false},
          FinishScramRequest{kProof, ",t=1"}, CertificateRequest{7}};
}

TEST(MonitorMessages, EachKindHasOneSize) {
  for (const auto& request : one_of_each()) {
    const auto octets = serialize(request).value();
    for (const auto& form : kRequests) {
      if (form.kind != kind_of(request)) continue;
      const auto& become = std::get_if<BecomeRequest>(&request);
      EXPECT_EQ(octets.size(), form.octets + (become != nullptr ? become->unread.size() : 0));
    }
    const auto parsed = parse_request(octets);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(serialize(*parsed).value(), octets);
  }
}

TEST(MonitorMessages, WhatDoesNotFitIsNotCut) {
  const std::string long_name(kMaxName + 1, 'x');
  EXPECT_EQ(serialize(VerifyRequest{long_name, "", "", false}).error().code, Errc::TooLarge);
  EXPECT_EQ(serialize(VerifyRequest{"", std::string(1025, 'x'), "", false}).error().code,
            Errc::TooLarge);
  EXPECT_EQ(
      serialize(BecomeRequest{"", "", std::string(kMaxUnread + 1, 'x'), "", false}).error().code,
      Errc::TooLarge);
  EXPECT_EQ(serialize(FinishScramRequest{kProof + "x", ""}).error().code, Errc::TooLarge);
  EXPECT_TRUE(serialize(BecomeRequest{"", "", std::string(kMaxUnread, 'x'), "", false}));
}

// Cut anywhere, longer by anything, and each octet changed: never anything but an error or a
// request of the same kind.
TEST(MonitorMessages, EverythingElseIsRefused) {
  for (const auto& request : one_of_each()) {
    const auto octets = serialize(request).value();
    for (std::size_t size = 0; size < octets.size(); ++size) {
      ASSERT_FALSE(parse_request(std::string_view(octets).substr(0, size))) << size;
    }
    EXPECT_FALSE(parse_request(octets + std::string(1, '\0')));
    EXPECT_FALSE(parse_request(octets + octets));
    for (std::size_t at = 0; at < octets.size(); ++at) {
      std::string other = octets;
      other[at] = static_cast<char>(other[at] ^ 0x40);
      const auto parsed = parse_request(other);
      if (parsed && at >= 4) {
        EXPECT_EQ(kind_of(*parsed), kind_of(request));
      }
    }
  }
  EXPECT_FALSE(parse_request(std::string(1U << 20U, '\xff')));
}

TEST(MonitorMessages, Answers) {
  const Answer answer{true, Errc::Denied, "boss", "r=abc"};
  const auto octets = serialize(answer);
  EXPECT_EQ(octets.size(), kAnswerOctets);
  const auto parsed = parse_answer(octets);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->text, "boss");
  EXPECT_EQ(parsed->scram, "r=abc");
  EXPECT_EQ(parsed->code, Errc::Denied);
  for (std::size_t size = 0; size < octets.size(); ++size) {
    ASSERT_FALSE(parse_answer(std::string_view(octets).substr(0, size)));
  }
}

}  // namespace
}  // namespace mail::login
