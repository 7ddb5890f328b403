// What transcripts do not show: bounds, chunk borders, and stores that fail.
#include "libmail/pop3/session.h"

#include <gtest/gtest.h>

#include "tests/pop3/world.h"

namespace mail::pop3 {
namespace {

class Maildrop : public testing::Test {
 protected:
  void SetUp() override { log::open("pop3-serve", log::Sink::Discard); }

  static test::Script script(const std::string& text) {
    std::istringstream in(text);
    return test::parse_script(in, "test");
  }
  // Another session over the same mailbox, behind its "+OK Logged in."
  static std::unique_ptr<Session> open(World& world) {
    store::memory::MemoryMailStore mail_store{world.world};
    auto inbox = mail_store.open("INBOX").value();
    auto session = Session::open(world.settings, std::move(inbox), world.clock).value();
    EXPECT_EQ(session->take_output(), "+OK Logged in.\r\n");
    return session;
  }
  // Of RETR or TOP: what a client makes of it (RFC 1939 section 3).
  static std::string unstuff(std::string_view reply) {
    EXPECT_TRUE(reply.starts_with("+OK"));
    reply.remove_prefix(reply.find("\r\n") + 2);
    EXPECT_TRUE(reply.ends_with(".\r\n"));
    reply.remove_suffix(3);
    std::string text;
    while (!reply.empty()) {
      const auto end = reply.find("\r\n");
      std::string_view line = reply.substr(0, end);
      if (line.starts_with('.')) line.remove_prefix(1);
      (text += line) += '\n';
      reply.remove_prefix(end + 2);
    }
    return text;
  }
};

TEST_F(Maildrop, BigMessagesFlowInBoundedPiecesWithDotsAtEveryBorder) {
  for (const std::size_t line : {1UL, 2UL, 3UL, 62UL, 65'533UL, 65'534UL, 65'535UL, 65'536UL}) {
    World world;
    std::string octets = "Subject: x\n\n";
    while (octets.size() < 300'000) octets += std::string(line, '.') + "\n";
    world.add_octets(octets);
    const auto session = open(world);
    std::string reply;
    session->receive("RETR 1\r\n");
    for (std::string part; !(part = session->take_output()).empty();) {
      EXPECT_LE(part.size(), std::size_t{64} << 10U);
      reply += part;
    }
    EXPECT_TRUE(unstuff(reply) == octets) << "lines of " << line << " dots";
  }
}

TEST_F(Maildrop, TopOfABigMessageReadsOnlyWhatItSays) {
  World world(script("@ message 400000"));
  world.take_output();
  const std::string reply = world.say("TOP 1 3\r\n");
  EXPECT_EQ(std::count(reply.begin(), reply.end(), '\n'), 1 + 2 + 3 + 1);
  EXPECT_EQ(unstuff(world.say("TOP 1 18446744073709551615\r\n")), message_of(400'000));
  EXPECT_EQ(unstuff(world.say("TOP 1 100000\r\n")), message_of(400'000));
}

TEST_F(Maildrop, PipelinedCommandsStopWhileTheOutputIsFull) {
  World world(script("@ message 60000"));
  world.take_output();
  std::string commands;
  for (int i = 0; i < 50; ++i) commands += "RETR 1\r\n";
  const std::string all = world.say(commands + "QUIT\r\n");
  EXPECT_GT(all.size(), 50U * 60'000U);
  EXPECT_TRUE(all.ends_with("+OK Logging out.\r\n"));
  EXPECT_EQ(world.want(), net::Want::Close);
}

TEST_F(Maildrop, QuitThatCannotDeleteSaysSo) {  // RFC 1939 section 6
  World world(script("@ message 120"));
  world.take_output();
  world.say("DELE 1\r\n");
  world.world->fail_next(Errc::NoSpace);
  EXPECT_EQ(world.say("QUIT\r\n"), "-ERR [SYS/TEMP] Some deleted messages not removed.\r\n");
  EXPECT_EQ(world.numbers(false), "1");
  EXPECT_EQ(world.want(), net::Want::Close);
}

TEST_F(Maildrop, MessageThatCannotBeRead) {
  World world(script("@ message 120"));
  world.take_output();
  world.world->fail_next(Errc::Io);
  EXPECT_EQ(world.say("RETR 1\r\n"), "-ERR [SYS/TEMP] as the test wished\r\n");
  EXPECT_TRUE(world.say("RETR 1\r\n").starts_with("+OK 120 octets\r\n"));
}

TEST_F(Maildrop, WhatAnotherSessionTookAwayIsGoneAndNotDeletedTwice) {
  World world(script("@ message 120\n@ message 200"));
  world.take_output();
  world.say("DELE 1\r\n");
  world.world->boxes.at("INBOX")->messages.erase(store::Uid{1});
  EXPECT_EQ(world.say("RETR 2\r\n").substr(0, 16), "+OK 200 octets\r\n");
  EXPECT_EQ(world.say("QUIT\r\n"), "+OK Logging out, messages deleted.\r\n");
  EXPECT_EQ(world.numbers(false), "2");
  EXPECT_EQ(world.numbers(true), "2");
}

// The messages are listed when a command needs them, as they were at login.
TEST_F(Maildrop, IsWhatItWasAtLogin) {
  World world(script("@ message 120\n@ message 200"));
  world.take_output();
  world.add_octets("Subject: new\n\n");
  EXPECT_EQ(world.say("STAT\r\n"), "+OK 2 320\r\n");
  EXPECT_EQ(world.say("RSET\r\n"), "+OK\r\n");
  EXPECT_EQ(world.say("LIST\r\n"), "+OK 2 messages:\r\n1 120\r\n2 200\r\n.\r\n");
  EXPECT_EQ(world.say("LIST 3\r\n"), "-ERR There's no message 3.\r\n");
}

TEST_F(Maildrop, WhatAnotherSessionTakesAwayBeforeItIsListedIsNotInIt) {
  World world(script("@ message 120\n@ message 200"));
  world.take_output();
  world.world->boxes.at("INBOX")->messages.erase(store::Uid{1});
  EXPECT_EQ(world.say("STAT\r\n"), "+OK 2 320\r\n");
  EXPECT_EQ(world.say("LIST\r\n"), "+OK 1 messages:\r\n1 200\r\n.\r\n");
  EXPECT_EQ(world.say("STAT\r\n"), "+OK 1 200\r\n");
  EXPECT_EQ(world.say("DELE 2\r\n"), "-ERR There's no message 2.\r\n");
  EXPECT_EQ(world.say("QUIT\r\n"), "+OK Logging out.\r\n");
}

// A mailbox whose messages fail in the middle.
class TornReader final : public store::MessageReader {
 public:
  [[nodiscard]] std::uint64_t size() const override { return 1000; }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    constexpr std::string_view kBeginning = "\r\nx";
    if (offset >= kBeginning.size()) return fail(Errc::Io, "read failed");
    return kBeginning.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
  }
};
class TornMailbox final : public store::Mailbox {
 public:
  explicit TornMailbox(std::size_t& changes, std::uint32_t unreadable = 0)
      : changes_(changes), unreadable_(unreadable) {}
  Result<store::MailboxStatus> status() override { return store::MailboxStatus{}; }
  Result<store::Changes> since(store::ModSeq /*after*/) override {
    store::Changes changes;
    for (const std::uint32_t uid : {1U, 2U}) {
      store::MessageInfo info;
      info.uid = {uid};
      changes.messages.push_back(info);
    }
    return changes;
  }
  Result<store::Changes> change(const store::Edit& edit) override {
    struct Two final : store::Snapshot {
      [[nodiscard]] std::optional<store::MessageInfo> find(store::Uid uid) const override {
        store::MessageInfo info;
        info.uid = uid;
        return info;
      }
      void for_each(const std::function<void(const store::MessageInfo&)>& visit) const override {
        for (const std::uint32_t uid : {1U, 2U}) visit(*find({uid}));
      }
    };
    for (const auto& change : edit(Two{})) changes_ += change.expunge ? 1 : 0;
    return store::Changes{};
  }
  Result<store::Appended> append(store::MessageSource& /*message*/,
                                 const store::AppendOptions& /*options*/) override {
    return fail(Errc::Unsupported, "no");
  }
  Result<std::vector<store::Uid>> append_all(
      std::span<const store::NewMessage> /*messages*/) override {
    return fail(Errc::Unsupported, "no");
  }
  Result<std::unique_ptr<store::MessageReader>> open(store::Uid /*uid*/,
                                                     store::View /*view*/) override {
    return std::make_unique<TornReader>();
  }
  Result<store::Measure> measure(store::Uid uid) override {
    return store::Measure{1000, {}, uid.value != unreadable_};
  }
  Result<std::string> from_line(store::Uid /*uid*/) override { return std::string(); }

 private:
  std::size_t& changes_;
  std::uint32_t unreadable_;
};

TEST_F(Maildrop, MessageThatMayNotBeReadIsNotInIt) {
  std::size_t expunged = 0;
  const ManualClock clock;
  const Settings settings;
  auto session = Session::open(settings, std::make_unique<TornMailbox>(expunged, 1), clock).value();
  session->take_output();
  session->receive("STAT\r\nUIDL\r\nDELE 1\r\nQUIT\r\n");
  std::string all;
  for (std::string part; !(part = session->take_output()).empty();) all += part;
  EXPECT_EQ(all.find("+OK 1 1000\r\n"), 0U) << all;
  EXPECT_EQ(expunged, 1U);
}

TEST_F(Maildrop, MessageThatFailsInTheMiddleEndsTheConnectionAndDeletesNothing) {
  std::size_t expunged = 0;
  const ManualClock clock;
  const Settings settings;
  auto session = Session::open(settings, std::make_unique<TornMailbox>(expunged), clock).value();
  session->take_output();
  session->receive("DELE 2\r\nRETR 1\r\nQUIT\r\n");
  std::string all;
  for (std::string part; !(part = session->take_output()).empty();) all += part;
  // No end of message: the client must not take the piece for the whole.
  EXPECT_EQ(all, "+OK Marked to be deleted.\r\n+OK 1000 octets\r\n\r\nx");
  EXPECT_EQ(session->want(), Session::Want::Close);
  EXPECT_EQ(expunged, 0U);
}

TEST_F(Maildrop, DeadlinesAreTenMinutesFromTheLastCommand) {  // RFC 1939 section 3
  World world(script("@ message 120"));
  world.take_output();
  EXPECT_EQ(world.deadline(), world.clock.monotonic() + std::chrono::minutes(10));
  world.clock.advance(std::chrono::minutes(9));
  world.say("NOOP\r\n");
  EXPECT_EQ(world.deadline(), world.clock.monotonic() + std::chrono::minutes(10));
}

TEST_F(Maildrop, ManyMessagesAreListed) {
  World world;
  for (int i = 0; i < 20'000; ++i) world.add_octets("A: 1\n\nx\n");
  const auto session = open(world);
  session->receive("LIST\r\nUIDL\r\nSTAT\r\n");
  std::string all;
  for (std::string part; !(part = session->take_output()).empty();) {
    EXPECT_LE(part.size(), std::size_t{64} << 10U);
    all += part;
  }
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 2 * 20'002 + 1);
  EXPECT_NE(all.find("\r\n20000 11\r\n.\r\n+OK\r\n1 "), std::string::npos);
  EXPECT_TRUE(all.ends_with("\r\n.\r\n+OK 20000 220000\r\n"));
}

TEST_F(Maildrop, StatisticsForTheLog) {
  World world(script("@ message 120\n@ message 200\n@ message 150"));
  const auto session = open(world);
  session->receive("RETR 1\r\nTOP 2 0\r\nTOP 9 0\r\nRETR 9\r\nDELE 1\r\nDELE 3\r\nQUIT\r\n");
  while (!session->take_output().empty()) {
  }
  const auto& counts = session->statistics();
  EXPECT_EQ(counts.retrieved, 1U);
  EXPECT_EQ(counts.top, 1U);
  EXPECT_EQ(counts.deleted, 2U);
  EXPECT_EQ(counts.messages, 3U);
  EXPECT_EQ(counts.octets, 470U);
}

}  // namespace
}  // namespace mail::pop3
