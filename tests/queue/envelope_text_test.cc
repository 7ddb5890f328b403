#include "libmail/queue/envelope_text.h"

#include <gtest/gtest.h>

namespace mail::queue {
namespace {

Envelope example() {
  Envelope envelope;
  envelope.id = {"65D3A1B2C3D4E00001F2"};
  envelope.reverse_path = "ann@example.org";
  envelope.arrived = WallTime{std::chrono::microseconds(1'790'000'000'123'456)};
  envelope.size = 12;
  envelope.smtputf8 = true;
  envelope.client = "mx[192.0.2.1]\n\\to D x";
  Recipient first;
  first.address = "bob@example.net";
  first.original_to = "bob@example.net";
  Recipient second;
  second.address = "bin@here.example";
  second.kind = "command";
  second.target = "cat >\"/tmp/a b\"\t\\";
  second.runs_as = "nobody";
  second.no_forward = true;
  second.state = RecipientState::Done;
  envelope.recipients = {first, second};
  return envelope;
}

TEST(EnvelopeText, ReadsWhatItWrites) {
  const auto text = serialize(example());
  const auto parsed = parse_envelope(text.octets);
  ASSERT_TRUE(parsed) << parsed.error().log_text;
  EXPECT_EQ(serialize(parsed->envelope).octets, text.octets);
  EXPECT_EQ(parsed->state_offsets, text.state_offsets);
  EXPECT_EQ(parsed->envelope.client, example().client);
  EXPECT_EQ(parsed->envelope.arrived, example().arrived);
  ASSERT_EQ(parsed->envelope.recipients.size(), 2U);
  EXPECT_EQ(parsed->envelope.recipients[1].target, example().recipients[1].target);
  EXPECT_TRUE(parsed->envelope.recipients[1].no_forward);
  EXPECT_EQ(parsed->envelope.recipients[1].state, RecipientState::Done);
  EXPECT_EQ(parsed->envelope.recipients[0].kind, "remote");
}

TEST(EnvelopeText, AStateChangesInPlaceAndNothingElseMay) {
  auto text = serialize(example());
  text.octets.at(text.state_offsets.at(0)) = 'F';
  const auto parsed = parse_envelope(text.octets);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->envelope.recipients[0].state, RecipientState::Failed);
  for (std::size_t i = 0; i < text.octets.size(); ++i) {
    if (i == text.state_offsets.at(0) || i == text.state_offsets.at(1)) continue;
    if (i >= kFirstLineOctets - 21 && i < kFirstLineOctets)
      continue;  // message size: file size tells
    std::string damaged = text.octets;
    damaged[i] = damaged[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(parse_envelope(damaged)) << i;
  }
  for (std::size_t length = 0; length < text.octets.size(); ++length) {
    EXPECT_FALSE(parse_envelope(std::string_view(text.octets).substr(0, length))) << length;
  }
}

TEST(EnvelopeText, SideFileIsReadAsFarAsItGoes) {
  Attempts attempts;
  attempts.next_try = WallTime{std::chrono::seconds(1'790'000'000)};
  attempts.count = 3;
  attempts.reasons = {{1, {4, 4, 1}, "connect to mx[192.0.2.1]:25: refused\n"}};
  const auto again = parse_attempts(serialize(attempts));
  EXPECT_EQ(again.next_try, attempts.next_try);
  EXPECT_EQ(again.count, 3U);
  ASSERT_EQ(again.reasons.size(), 1U);
  EXPECT_EQ(again.reasons[0].text, attempts.reasons[0].text);
  EXPECT_EQ(parse_attempts("garbage\nnext x\nattempts 9").count, 9U);
}

TEST(EnvelopeText, EnhancedStatusHasTwoDots) {
  EXPECT_TRUE(parse_enhanced_status("5.1.1"));
  for (const char* bad : {"", "5.1", "3.1.1", "5.1.1.1", "5..1", "5.1.1000", "5.-1.0"}) {
    EXPECT_FALSE(parse_enhanced_status(bad)) << bad;
  }
}

TEST(QueueIds, ChildrenAreNamedAfterParents) {
  const QueueId id{"ABC"};
  EXPECT_EQ(parent_of(forward_id(id, 3)), id);
  EXPECT_EQ(parent_of(warning_id(forward_id(id, 0))), forward_id(id, 0));
  EXPECT_FALSE(parent_of(id));
  IdSource source;
  const auto first = source.next(WallTime{});
  EXPECT_NE(first, source.next(WallTime{}));
  for (const char* bad : {"", "a/b", "..", ".x", "a.try", "-a", "a b"}) {
    EXPECT_FALSE(is_queue_id(bad)) << bad;
  }
}

}  // namespace
}  // namespace mail::queue
