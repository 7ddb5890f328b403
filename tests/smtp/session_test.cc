// What transcripts do not show: what is stored and queued, and what it costs.
#include "libmail/smtp/session.h"

#include <gtest/gtest.h>

#include "tests/smtp/world.h"

namespace mail::smtp {
namespace {

test::Script script(const std::string& text) {
  std::istringstream in(text);
  return test::parse_script(in, "test");
}

std::string send(World& world, const std::string& recipients, const std::string& data) {
  log::open("smtp-recv", log::Sink::Discard);
  std::string said = world.say("EHLO client.example\r\nMAIL FROM:<ann@client.example>\r\n");
  for (const auto recipient : ascii::words(recipients)) {
    said = world.say("RCPT TO:<" + std::string(recipient) + ">\r\n");
  }
  EXPECT_TRUE(world.say("DATA\r\n").starts_with("354")) << said;
  return world.say(data);
}

TEST(Session, StoresWithOurReceivedFieldFirst) {
  World world;
  EXPECT_TRUE(send(world, "boss@linuxprobe.com", "Subject: x\r\n\r\n..dot\r\n...\r\n.\r\n")
                  .starts_with("250 2.0.0 Ok"));
  ASSERT_EQ(world.local.stored().size(), 1U);
  const auto& stored = world.local.stored().front();
  const std::string& message = stored.message;
  EXPECT_TRUE(message.starts_with("Received: from client.example (unknown [192.168.10.30])\n"))
      << message;
  EXPECT_NE(
      message.find("by mail.linuxprobe.com (Tubepost) with ESMTP id " + stored.delivery.queue_id),
      std::string::npos)
      << message;
  EXPECT_NE(message.find("for <boss@linuxprobe.com>;"), std::string::npos) << message;
  EXPECT_TRUE(message.ends_with("Subject: x\n\n.dot\n..\n")) << message;
  EXPECT_EQ(stored.delivery.reverse_path, "ann@client.example");
  EXPECT_EQ(stored.delivery.end_point.original_to, "boss@linuxprobe.com");
  EXPECT_FALSE(stored.delivery.from_queue);
  EXPECT_TRUE(world.queue.stored().empty());
}

TEST(Session, QueuesSeveralBeforeItAnswersAndTriesTheLocalOnesAfter) {
  World world;
  log::open("smtp-recv", log::Sink::Discard);
  world.say(
      "EHLO c\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<boss@linuxprobe.com>\r\n"
      "RCPT TO:<x@elsewhere.example>\r\nDATA\r\n");
  world.receive("Subject: x\r\n\r\n.\r\n");
  EXPECT_TRUE(world.take_output().starts_with("250 2.0.0 Ok: queued as "));
  ASSERT_EQ(world.queue.stored().size(), 1U);  // durable when the answer goes out
  EXPECT_TRUE(world.local.stored().empty());   // and no sooner tried
  ASSERT_EQ(world.session->want(), Session::Want::Work);
  world.work();
  EXPECT_EQ(world.local.stored_for("boss").size(), 1U);
  const auto& [id, stored] = *world.queue.stored().begin();
  ASSERT_EQ(stored.envelope.recipients.size(), 2U);
  EXPECT_EQ(stored.envelope.recipients[0].state, queue::RecipientState::Done);
  EXPECT_EQ(stored.envelope.recipients[1].state, queue::RecipientState::Pending);
  EXPECT_EQ(stored.envelope.recipients[1].kind, "remote");
  EXPECT_EQ(stored.envelope.client, "unknown[192.168.10.30]");
  EXPECT_GE(world.queue.notices(), 1U);
  // Same id in store and queue: a runner that tries again stores nothing twice.
  EXPECT_EQ(world.local.stored().front().delivery.delivery_id, queue::delivery_id(id, 0));
}

TEST(Session, RemovesFromTheQueueWhatIsAllDone) {
  World world;
  EXPECT_TRUE(send(world, "team@linuxprobe.com", "x\r\n.\r\n").starts_with("250 2.0.0 Ok: queued"));
  EXPECT_EQ(world.local.stored_for("boss").size(), 1U);
  EXPECT_EQ(world.local.stored_for("ann").size(), 1U);
  EXPECT_TRUE(world.queue.stored().empty());
}

TEST(Session, TwoAddressesOfOneMailboxGetOneCopy) {
  World world;
  send(world, "root@linuxprobe.com bin@linuxprobe.com postmaster@linuxprobe.com", "x\r\n.\r\n");
  EXPECT_EQ(world.local.stored_for("root").size(), 1U);
}

TEST(Session, AsksForEachMailboxOnceASession) {
  World world;
  for (int i = 0; i < 3; ++i) send(world, "boss@linuxprobe.com", "x\r\n.\r\n");
  EXPECT_EQ(world.local.checks_seen(), 1U);
  EXPECT_EQ(world.local.stored_for("boss").size(), 3U);
}

TEST(Session, NeverQueuesWhatMayBeStored) {
  World world{script("@ deliver boss unresolved\n")};
  EXPECT_TRUE(send(world, "boss@linuxprobe.com", "x\r\n.\r\n").starts_with("451 "));
  EXPECT_EQ(world.local.stored_for("boss").size(), 1U);
  EXPECT_TRUE(world.queue.stored().empty());
}

TEST(Session, QueuesAForwardWithItsMarkBeforeItAnswers) {
  World world{script("@ deliver boss forwarded\n")};
  EXPECT_TRUE(send(world, "boss@linuxprobe.com", "x: y\r\n\r\nz\r\n.\r\n").starts_with("250 "));
  ASSERT_EQ(world.queue.stored().size(), 1U);
  const auto& stored = world.queue.stored().begin()->second;
  EXPECT_TRUE(stored.message.starts_with("Delivered-To: boss@linuxprobe.com\nReceived: "))
      << stored.message;
  ASSERT_EQ(stored.envelope.recipients.size(), 1U);
  EXPECT_EQ(stored.envelope.recipients.front().target, "boss@elsewhere.example");
}

// The sender is to be told of those that failed: by the queue's runner.
TEST(Session, QueuesTheWholeWhereSomeOfAListFailed) {
  World world{script("@ deliver boss forwarded-partly\n@ deliver boss forwarded-partly\n")};
  EXPECT_TRUE(send(world, "boss@linuxprobe.com", "x: y\r\n\r\nz\r\n.\r\n").starts_with("250 "));
  ASSERT_EQ(world.queue.stored().size(), 1U);
  const auto& [id, stored] = *world.queue.stored().begin();
  ASSERT_EQ(stored.envelope.recipients.size(), 1U);
  EXPECT_EQ(stored.envelope.recipients.front().target, "boss");
  EXPECT_EQ(stored.envelope.recipients.front().state, queue::RecipientState::Pending);
}

TEST(Session, StoresNothingOfAClientThatLeaves) {
  World world;
  log::open("smtp-recv", log::Sink::Discard);
  world.say("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<boss@linuxprobe.com>\r\nDATA\r\nhalf a mess");
  world.receive("");
  EXPECT_EQ(world.session->want(), Session::Want::Close);
  EXPECT_TRUE(world.local.stored().empty());
  EXPECT_TRUE(world.queue.stored().empty());
}

TEST(Session, RenewsItsDeadlineWithEachInput) {
  World world;
  const auto first = world.session->deadline();
  world.clock.advance(std::chrono::seconds{299});
  world.say("NOOP\r\n");
  EXPECT_EQ(world.session->deadline() - first, std::chrono::seconds{299});
}

TEST(Session, RefusesWhenTheQueueCannotBeWritten) {
  World world;
  world.queue.fail_commit(make_error(Errc::NoSpace, "full"));
  EXPECT_TRUE(send(world, "x@elsewhere.example", "x\r\n.\r\n").starts_with("452 4.3.1"));
  EXPECT_TRUE(world.queue.stored().empty());
}

}  // namespace
}  // namespace mail::smtp
