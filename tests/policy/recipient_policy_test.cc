#include "libmail/policy/recipient_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mail::policy {
namespace {

Result<alias::Expansion> expand(std::string_view local_part, std::string_view original) {
  alias::Expansion expansion;
  if (local_part == "later") return fail(Errc::Unavailable, "Later");
  for (const std::string_view name : {"root", "boss", "postmaster"}) {
    if (local_part != name) continue;
    alias::EndPoint end_point;
    end_point.target = name;
    end_point.original_to = original;
    expansion.end_points.push_back(end_point);
    return expansion;
  }
  return fail(Errc::NotFound, "no such user");
}

Settings chapter() {
  Settings settings;
  settings.myorigin = "linuxprobe.com";
  settings.mydestination = {"mail.linuxprobe.com", "linuxprobe.com"};
  settings.relay_domains = {"backup.example"};
  settings.mynetworks = {"127.0.0.0/8", "192.168.10.0/24"};
  settings.inet_interfaces = {"192.168.10.10"};
  return settings;
}

struct Case {
  const char* client;
  const char* sasl;
  const char* recipient;
  const char* outcome;  // the address, or the error's text
};

class RecipientPolicyTest : public ::testing::TestWithParam<Case> {};

TEST_P(RecipientPolicyTest, Decides) {
  auto policy = RecipientPolicy::open(chapter(), expand).value();
  const auto addr_spec = address::parse_recipient_argument(GetParam().recipient).value();
  Trace trace;
  const auto decision = policy.decide({GetParam().client, GetParam().sasl}, {addr_spec}, trace);
  EXPECT_EQ(decision ? decision->address : decision.error().public_text, GetParam().outcome);
  EXPECT_FALSE(trace.steps().empty());
}

constexpr char kUnknown[] =
    "<nobodyhere@linuxprobe.com>: Recipient address rejected: User unknown in local recipient "
    "table";
INSTANTIATE_TEST_SUITE_P(
    Chapter, RecipientPolicyTest,
    ::testing::Values(Case{"203.0.113.9", "", "root@linuxprobe.com", "root@linuxprobe.com"},
                      Case{"203.0.113.9", "", "root@MAIL.linuxprobe.com",
                           "root@MAIL.linuxprobe.com"},
                      Case{"203.0.113.9", "", "root@[192.168.10.10]", "root@[192.168.10.10]"},
                      Case{"203.0.113.9", "", "root@[192.168.10.11]",
                           "<root@[192.168.10.11]>: Relay access denied"},
                      Case{"203.0.113.9", "", "nobodyhere@linuxprobe.com", kUnknown},
                      Case{"203.0.113.9", "", "later@linuxprobe.com", "Later"},
                      Case{"203.0.113.9", "", "postmaster", "postmaster@linuxprobe.com"},
                      Case{"203.0.113.9", "", "root",
                           "<root>: Recipient address rejected: need fully-qualified address"},
                      Case{"127.0.0.1", "", "root", "root@linuxprobe.com"},
                      Case{"203.0.113.9", "", "x@elsewhere.example",
                           "<x@elsewhere.example>: Relay access denied"},
                      Case{"192.168.10.30", "", "x@elsewhere.example", "x@elsewhere.example"},
                      Case{"", "", "x@elsewhere.example", "x@elsewhere.example"},
                      Case{"203.0.113.9", "boss", "x@elsewhere.example", "x@elsewhere.example"},
                      Case{"203.0.113.9", "", "x@backup.example", "x@backup.example"},
                      Case{"203.0.113.9", "", "x@sub.backup.example", "x@sub.backup.example"},
                      Case{"203.0.113.9", "", "x%elsewhere.example@linuxprobe.com",
                           "<x%elsewhere.example@linuxprobe.com>: Relay access denied"}));

TEST(RecipientPolicy, UnknownMayBeTemporary) {
  Settings settings = chapter();
  settings.unknown_local_recipient_reject_code = 450;
  auto policy = RecipientPolicy::open(settings, expand).value();
  Trace trace;
  const auto decision =
      policy.decide({"1.2.3.4", ""}, {address::AddrSpec{"x", "linuxprobe.com"}}, trace);
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().status.cls, 4);
}

TEST(RecipientPolicy, SubmissionWantsAuthentication) {
  Settings settings = chapter();
  settings.permit_sender_unauthenticated = false;
  auto policy = RecipientPolicy::open(settings, expand).value();
  Trace trace;
  EXPECT_FALSE(
      policy.decide({"203.0.113.9", ""}, {address::AddrSpec{"root", "linuxprobe.com"}}, trace));
  EXPECT_FALSE(
      policy.decide({"203.0.113.9", ""}, {address::AddrSpec{"x", "backup.example"}}, trace));
  EXPECT_TRUE(
      policy.decide({"203.0.113.9", "boss"}, {address::AddrSpec{"root", "linuxprobe.com"}}, trace));
}

}  // namespace
}  // namespace mail::policy
