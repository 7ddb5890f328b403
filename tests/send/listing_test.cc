// mailq: the queue as a person, and as a script, reads it.
#include "cmd/smtp-send/listing.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <ctime>

namespace mail::cmd {
namespace {

using testing::HasSubstr;
using testing::Not;

class ListingTest : public testing::Test {
 protected:
  ListingTest() {
    ::setenv("TZ", "UTC", 1);  // NOLINT(concurrency-mt-unsafe)
    ::tzset();
  }
  queue::Listing message(const std::string& id, std::uint64_t size, const std::string& sender,
                         const std::vector<std::string>& recipients) {
    queue::Listing listing;
    listing.envelope.id = {id};
    listing.envelope.size = size;
    listing.envelope.reverse_path = sender;
    listing.envelope.arrived = WallTime{std::chrono::seconds{1'502'795'726}};
    listing.next_try = listing.envelope.arrived + std::chrono::seconds(300);
    for (const auto& address : recipients) {
      queue::Recipient recipient;
      recipient.address = recipient.target = address;
      listing.envelope.recipients.push_back(recipient);
    }
    return listing;
  }
  relay::Settings settings;
};

TEST_F(ListingTest, Empty) {
  EXPECT_EQ(format_listing({}, settings), "Mail queue is empty\n");
  EXPECT_EQ(format_listing_json({}, settings), "");
}

TEST_F(ListingTest, ALookLikePostfix) {
  auto first = message("059E1A2B3C4D5", 1500, "ann@linuxprobe.com",
                       {"bob@peer.example", "eve@Other.example"});
  first.envelope.recipients[0].reason =
      "connect to mx.peer.example[192.0.2.1]:25: Connection refused";
  auto second = message("059E1A2B3C4D6", 600, "", {"boss@linuxprobe.com"});
  second.envelope.recipients[0].kind = "user";
  second.active = true;
  EXPECT_EQ(
      format_listing({first, second}, settings),
      "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"
      "059E1A2B3C4D5     1500 Tue Aug 15 11:15:26  ann@linuxprobe.com\n"
      "               (connect to mx.peer.example[192.0.2.1]:25: Connection refused)\n"
      "                                         bob@peer.example\n"
      "                                         next try Tue Aug 15 11:20:26 by peer.example\n"
      "                                         eve@Other.example\n"
      "                                         next try Tue Aug 15 11:20:26 by other.example\n"
      "\n"
      "059E1A2B3C4D6*      600 Tue Aug 15 11:15:26  MAILER-DAEMON\n"
      "                                         boss@linuxprobe.com\n"
      "                                         next try Tue Aug 15 11:20:26 by local\n"
      "\n"
      "-- 3 Kbytes in 2 Requests.\n");
}

TEST_F(ListingTest, WhatIsDoneIsNotShown) {
  auto one = message("A", 1, "ann@linuxprobe.com", {"bob@peer.example", "eve@peer.example"});
  one.envelope.recipients[0].state = queue::RecipientState::Done;
  auto tombstone = message("A-F0", 0, "ann@linuxprobe.com", {"zoe@peer.example"});
  tombstone.envelope.recipients[0].state = queue::RecipientState::Failed;
  const std::string text = format_listing({one, tombstone}, settings);
  EXPECT_THAT(text, Not(HasSubstr("bob@")));
  EXPECT_THAT(text, HasSubstr("eve@"));
  EXPECT_THAT(text, Not(HasSubstr("A-F0")));
  EXPECT_THAT(text, HasSubstr("-- 1 Kbytes in 1 Request.\n"));
  EXPECT_EQ(format_listing({tombstone}, settings), "Mail queue is empty\n");
  EXPECT_EQ(format_listing_json({tombstone}, settings), "");
  EXPECT_THAT(format_listing_json({one}, settings), Not(HasSubstr("bob@")));
}

TEST_F(ListingTest, RelayHostIsNamed) {
  settings.relayhost = "[smarthost.example]:587";
  EXPECT_THAT(format_listing({message("A", 1, "", {"bob@peer.example"})}, settings),
              HasSubstr("by [smarthost.example]:587\n"));
}

// Nothing that a stranger wrote moves a terminal's cursor or ends a line.
TEST_F(ListingTest, StrangersOctetsAreEscaped) {
  auto one = message("A", 1, "a\x1b[2J@x", {"b\nc@peer\x07"});
  one.envelope.recipients[0].reason = "550 \x1b]0;title\x07";
  for (const auto& text : {format_listing({one}, settings), format_listing_json({one}, settings)}) {
    for (const char c : text)
      EXPECT_TRUE(c == '\n' || !(static_cast<unsigned char>(c) < 0x20 || c == 0x7f)) << text;
  }
}

TEST_F(ListingTest, JsonLines) {
  auto one = message("A", 1500, "ann@linuxprobe.com",
                     {"\"b\\\"c\"@peer.example", "j\xc3\xb6rg@peer.example"});
  one.envelope.recipients[0].reason = "said \"no\"\t\x7f";
  one.envelope.recipients[1].reason = "not \xff UTF-8";
  one.active = true;
  EXPECT_EQ(
      format_listing_json({one}, settings),
      R"({"queue_id": "A", "arrival_time": 1502795726, "next_try": 1502796026, "message_size": 1500, )"
      R"("sender": "ann@linuxprobe.com", "active": true, "recipients": [)"
      R"({"address": "\"b\\\"c\"@peer.example", "delay_reason": "said \"no\"\u0009\u007f", "destination": "peer.example"}, )"
      "{\"address\": \"j\xc3\xb6rg@peer.example\", \"delay_reason\": \"not \xef\xbf\xbd UTF-8\", "
      "\"destination\": "
      "\"peer.example\"}]}\n");
  EXPECT_EQ(format_listing_json({one, one}, settings).find('\n') + 1,
            format_listing_json({one}, settings).size());
}

}  // namespace
}  // namespace mail::cmd
