// Two sessions over one world: what one does, the other hears where RFC 3501 section 7.4.1 allows.
#include "libmail/imap/session.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "libmail/store/maildir/mail_store.h"
#include "libmail/store/memory/mail_store.h"
#include "libmail/store/message_source.h"

namespace mail::imap {
namespace {

class TwoSessions : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) add("Subject: " + std::to_string(i) + "\r\n\r\nbody\r\n");
    take(one_);
    take(two_);
  }
  void add(std::string octets) {
    auto inbox = store_.open("INBOX").value();
    store::StringSource source{std::move(octets)};
    ASSERT_TRUE(inbox->append(source, {}));
  }
  static std::string take(Session& session) {
    std::string all;
    for (std::string part; !(part = session.take_output()).empty();) {
      EXPECT_LE(part.size(), std::size_t{64} << 10U);
      all += part;
    }
    return all;
  }
  static std::string say(Session& session, std::string_view line) {
    session.receive(std::string(line) + "\r\n");
    return take(session);
  }

  ManualClock clock_;
  std::shared_ptr<store::memory::World> world_ = std::make_shared<store::memory::World>(clock_);
  store::memory::MemoryMailStore store_{world_};
  Session one_{store_, clock_, {}, "a", ""};
  Session two_{store_, clock_, {}, "a", ""};
};

TEST_F(TwoSessions, ExpungeWaitsForACommandThatAllowsIt) {
  say(one_, "a SELECT INBOX");
  say(two_, "a SELECT INBOX");
  say(one_, "b STORE 2 +FLAGS.SILENT (\\Deleted)");
  EXPECT_EQ(say(one_, "c EXPUNGE"), "* 2 EXPUNGE\r\n* 2 RECENT\r\nc OK Expunge completed\r\n");
  // Sequence numbers stand still during FETCH; what is gone is left out.
  EXPECT_EQ(say(two_, "d FETCH 3 UID"), "* 3 FETCH (UID 3)\r\nd OK Fetch completed\r\n");
  EXPECT_EQ(say(two_, "e FETCH 2 BODY.PEEK[]"), "e NO [EXPUNGEISSUED] Some messages are gone\r\n");
  EXPECT_EQ(say(two_, "f NOOP"), "* 2 EXPUNGE\r\nf OK Noop completed\r\n");
  EXPECT_EQ(say(two_, "g FETCH 2 UID"), "* 2 FETCH (UID 3)\r\ng OK Fetch completed\r\n");
}

// A session that has asked for nothing yet has not listed the messages either.
TEST_F(TwoSessions, WhatChangesBeforeTheFirstCommandIsToldInItsOrder) {
  say(one_, "a SELECT INBOX");
  say(one_, "b STORE 1,2 +FLAGS (\\Seen)");
  const std::string selected = say(two_, "a SELECT INBOX");
  EXPECT_NE(selected.find("* 3 EXISTS\r\n* 0 RECENT\r\n"), std::string::npos) << selected;
  EXPECT_NE(selected.find("[UNSEEN 3]"), std::string::npos) << selected;
  say(one_, "c STORE 2 +FLAGS (\\Deleted)");
  say(one_, "d EXPUNGE");
  say(one_, "e STORE 2 +FLAGS (\\Flagged)");
  add("Subject: new\r\n\r\n");
  say(one_, "f NOOP");  // takes \Recent
  // Those that it was told of, under their numbers, and the new one not before EXISTS.
  EXPECT_EQ(say(two_, "b FETCH 1:* UID"),
            "* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3 FLAGS (\\Flagged))\r\n"
            "* 4 EXISTS\r\n* 0 RECENT\r\nb NO [EXPUNGEISSUED] Some messages are gone\r\n");
  EXPECT_EQ(say(two_, "c NOOP"), "* 2 EXPUNGE\r\nc OK Noop completed\r\n");
  EXPECT_EQ(say(two_, "d FETCH 1:* UID"),
            "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 3)\r\n* 3 FETCH (UID 4)\r\n"
            "d OK Fetch completed\r\n");
}

TEST_F(TwoSessions, AllThatIsExpungedBeforeTheFirstCommandIsTold) {
  say(one_, "a SELECT INBOX");
  say(two_, "a SELECT INBOX");
  say(one_, "b STORE 1:3 +FLAGS.SILENT (\\Deleted)");
  say(one_, "c EXPUNGE");
  EXPECT_EQ(say(two_, "b IDLE"), "+ idling\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n");
}

TEST_F(TwoSessions, FlagsAndArrivalsAreHeard) {
  say(one_, "a SELECT INBOX");
  say(two_, "a SELECT INBOX");
  say(one_, "b STORE 1 +FLAGS (\\Flagged $Work)");
  EXPECT_EQ(say(two_, "c NOOP"),
            "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)\r\n"
            "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work \\*)] Flags "
            "permitted\r\n* 1 FETCH (FLAGS (\\Flagged $Work))\r\nc OK Noop completed\r\n");
  add("Subject: new\r\n\r\n");
  EXPECT_EQ(say(two_, "d FETCH 1 UID"),
            "* 1 FETCH (UID 1)\r\n* 4 EXISTS\r\n* 1 RECENT\r\nd OK Fetch completed\r\n");
  EXPECT_EQ(say(one_, "e NOOP"), "* 4 EXISTS\r\n* 3 RECENT\r\ne OK Noop completed\r\n");
}

// As a store says it whose record of the UIDs is not the one any more that the session began with.
TEST_F(TwoSessions, AMailboxThatWasReplacedEndsTheSession) {
  say(one_, "a SELECT INBOX");
  world_->fail_next(Errc::Corrupt);
  EXPECT_EQ(say(one_, "b NOOP"),
            "* BYE [UNAVAILABLE] Mailbox was replaced, select it anew\r\nb OK Noop completed\r\n");
  EXPECT_EQ(one_.want(), Want::Close);
  say(two_, "a SELECT INBOX");
  say(two_, "b IDLE");
  world_->fail_next(Errc::Corrupt);
  two_.woken(Woken::Event);
  EXPECT_EQ(take(two_), "* BYE [UNAVAILABLE] Mailbox was replaced, select it anew\r\n");
}

TEST_F(TwoSessions, IdleHears) {
  say(one_, "a SELECT INBOX");
  EXPECT_EQ(say(one_, "b IDLE"), "+ idling\r\n");
  EXPECT_EQ(one_.want(), Want::Wait);
  add("Subject: new\r\n\r\n");
  one_.woken(Woken::Event);
  EXPECT_EQ(take(one_), "* 4 EXISTS\r\n* 4 RECENT\r\n");
  clock_.advance(std::chrono::minutes{2});
  one_.woken(Woken::Time);
  EXPECT_EQ(take(one_), "* OK Still here\r\n");
  one_.woken(Woken::Input);
  EXPECT_EQ(one_.want(), Want::Input);
  EXPECT_EQ(say(one_, "DONE"), "b OK Idle completed\r\n");
  say(one_, "c IDLE");
  clock_.advance(std::chrono::minutes{31});
  one_.woken(Woken::Time);
  EXPECT_EQ(take(one_), "* BYE Disconnected for inactivity\r\n");
  EXPECT_EQ(one_.want(), Want::Close);
}

TEST_F(TwoSessions, BodiesFlowInBoundedPieces) {
  std::string big = "Subject: big\r\n\r\n";
  for (int i = 0; i < 40'000; ++i) big += "0123456789 0123456789 0123456789\r\n";
  add(big);
  say(one_, "a SELECT INBOX");
  const std::string response = say(one_, "b FETCH 4 BODY.PEEK[]");
  EXPECT_EQ(response, "* 4 FETCH (BODY[] {" + std::to_string(big.size()) + "}\r\n" + big +
                          ")\r\nb OK Fetch completed\r\n");
}

// \Seen is set for many at once, before they are read.
TEST_F(TwoSessions, WhatCannotBeReadStaysUnseen) {
  for (int i = 0; i < 67; ++i) add("Subject: more\r\n\r\nbody\r\n");
  world_->unreadable = {{2}, {66}, {70}};
  say(one_, "a SELECT INBOX");
  const auto said = say(one_, "b FETCH 1:* BODY[TEXT]");
  EXPECT_NE(said.find("* 1 FETCH (BODY[TEXT] {6}\r\nbody\r\n FLAGS (\\Seen \\Recent))\r\n"),
            said.npos);
  EXPECT_EQ(said.find("* 2 FETCH (BODY"), said.npos);
  EXPECT_NE(said.find("\r\nb NO "), said.npos) << said.substr(said.size() - 100);
  EXPECT_EQ(say(one_, "c SEARCH UNSEEN"), "* SEARCH 2 66 70\r\nc OK Search completed\r\n");
  EXPECT_EQ(say(two_, "a STATUS INBOX (UNSEEN)"),
            "* STATUS INBOX (UNSEEN 3)\r\na OK Status completed\r\n");
}

TEST_F(TwoSessions, WhatNobodyWaitsForStaysUnseen) {
  const std::string big = "Subject: big\r\n\r\n" + std::string(40'000, 'x') + "\r\n";
  for (int i = 0; i < 5; ++i) add(big);
  say(one_, "a SELECT INBOX");
  say(two_, "a SELECT INBOX");
  one_.receive("b FETCH 4:* (BODY[])\r\n");
  EXPECT_NE(one_.take_output().find("* 5 FETCH"), std::string::npos);  // not to its end
  say(two_, "b STORE 8 +FLAGS.SILENT (\\Flagged)");
  one_.receive("");
  say(two_, "c NOOP");
  EXPECT_EQ(say(two_, "d SEARCH SEEN"), "* SEARCH 4 8\r\nd OK Search completed\r\n");
}

TEST_F(TwoSessions, AFailedCopyLeavesNothing) {
  say(one_, "a SELECT INBOX");
  say(one_, "b CREATE there");
  say(two_, "a SELECT INBOX");
  say(two_, "b STORE 3 +FLAGS (\\Deleted)");
  say(two_, "c EXPUNGE");
  EXPECT_EQ(say(one_, "c COPY 1:3 there"),
            "* 3 EXPUNGE\r\n* 2 RECENT\r\nc NO [NONEXISTENT] Some of the messages are gone\r\n");
  EXPECT_EQ(say(one_, "d STATUS there (MESSAGES)"),
            "* STATUS there (MESSAGES 0)\r\nd OK Status completed\r\n");
}

TEST_F(TwoSessions, AppendIsSpooledAndTold) {
  SessionSettings settings;
  settings.spool_directory = testing::TempDir();
  Session session{store_, clock_, settings, "a", ""};
  take(session);
  say(session, "a SELECT INBOX");
  const std::string big = "Subject: big\r\n\r\n" + std::string(300'000, 'x') + "\r\n";
  session.receive("b APPEND INBOX (\\Seen) {" + std::to_string(big.size()) + "+}\r\n");
  for (std::size_t at = 0; at < big.size(); at += 10'000) session.receive(big.substr(at, 10'000));
  session.receive("\r\nc FETCH 4 (FLAGS RFC822.SIZE)\r\n");
  EXPECT_EQ(take(session),
            "* 4 EXISTS\r\n* 4 RECENT\r\nb OK [APPENDUID 1500000000 4] Append completed\r\n"
            "* 4 FETCH (FLAGS (\\Seen \\Recent) RFC822.SIZE " +
                std::to_string(big.size()) + ")\r\nc OK Fetch completed\r\n");
  world_->fail_next(Errc::OverQuota);
  EXPECT_TRUE(say(session, "d APPEND INBOX {3+}\r\nabc").starts_with("d NO [OVERQUOTA]"));
}

namespace fs = std::filesystem;

// Two sessions over a Maildir of many new messages.
class ManyChanges : public testing::Test {
 protected:
  static constexpr int kCount = 150;
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "tubepost-imap-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    for (const char* name : {"cur", "new", "tmp"}) fs::create_directory(root_ / name);
    for (int n = 0; n < kCount; ++n) {
      const fs::path file = root_ / "new" / (std::to_string(1500000000 + n) + ".M1P1.host");
      std::ofstream(file) << "Subject: " << n << "\n\nbody\n";
    }
    // A directory that was changed just now is listed again.
    for (const char* name : {"cur", "new"}) {
      fs::last_write_time(root_ / name, fs::file_time_type::clock::now() - std::chrono::hours(1));
    }
  }
  void TearDown() override { fs::remove_all(root_); }
  [[nodiscard]] std::unique_ptr<store::MailStore> open() const {
    return std::make_unique<store::maildir::MaildirMailStore>(
        store::Location{store::Format::Maildir, root_, root_, {}, {}, "Maildir++"},
        store::Settings{});
  }
  static std::string say(Session& session, std::string_view line) {
    session.receive(std::string(line) + "\r\n");
    std::string all;
    for (std::string part; !(part = session.take_output()).empty();) all += part;
    return all;
  }
  [[nodiscard]] std::ptrdiff_t new_files() const {
    return std::distance(fs::directory_iterator(root_ / "new"), fs::directory_iterator{});
  }

  ManualClock clock_;
  fs::path root_;
};

TEST_F(ManyChanges, OtherProgramsSeeThemWhenTheClientPauses) {
  const auto store = open();
  Session session{*store, clock_, {}, "a", ""};
  session.take_output();
  EXPECT_NE(say(session, "a SELECT INBOX").find("* 150 RECENT"), std::string::npos);
  EXPECT_EQ(new_files(), kCount);
  ASSERT_EQ(session.want(), Want::Wait);
  EXPECT_EQ(session.event_fd(), -1);
  EXPECT_LE(session.wait_until(), clock_.monotonic() + std::chrono::seconds(1));
  session.woken(Woken::Input);  // no pause
  EXPECT_EQ(session.want(), Want::Input);
  EXPECT_NE(say(session, "b FETCH 7 BODY.PEEK[]").find("Subject: 6\r\n"), std::string::npos);
  EXPECT_EQ(new_files(), kCount);
  ASSERT_EQ(session.want(), Want::Wait);
  session.woken(Woken::Time);
  EXPECT_EQ(session.take_output(), "");
  EXPECT_EQ(new_files(), 0);
  EXPECT_EQ(session.want(), Want::Input);
  // A few are seen at once.
  say(session, "c STORE 1:2 +FLAGS.SILENT (\\Flagged)");
  EXPECT_EQ(session.want(), Want::Input);
  say(session, "d STORE 1:* +FLAGS.SILENT (\\Seen)");
  ASSERT_EQ(session.want(), Want::Wait);
  clock_.advance(std::chrono::hours(1));
  session.woken(Woken::Time);
  EXPECT_EQ(session.take_output(), "* BYE Disconnected for inactivity\r\n");
}

TEST_F(ManyChanges, InIdleAndAtLogoutToo) {
  {
    const auto store = open();
    Session session{*store, clock_, {}, "a", ""};
    session.take_output();
    say(session, "a SELECT INBOX");
    EXPECT_EQ(say(session, "b IDLE"), "+ idling\r\n");
    EXPECT_EQ(new_files(), kCount);
    EXPECT_LE(session.wait_until(), clock_.monotonic() + std::chrono::seconds(1));
    session.woken(Woken::Time);
    EXPECT_EQ(session.take_output(), "");
    EXPECT_EQ(new_files(), 0);
    EXPECT_GT(session.wait_until(), clock_.monotonic() + std::chrono::seconds(1));
    say(session, "DONE");
    say(session, "c STORE 1:* +FLAGS.SILENT (\\Seen)");
    say(session, "d LOGOUT");
  }
  for (const auto& entry : fs::directory_iterator(root_ / "cur")) {
    EXPECT_TRUE(entry.path().string().ends_with(":2,S")) << entry.path();
  }
}

// Another session does what this one has left, whichever is first.
TEST_F(ManyChanges, AreAllTheSameToAnotherSession) {
  const auto store = open();
  const auto others = open();
  Session one{*store, clock_, {}, "a", ""};
  Session two{*others, clock_, {}, "a", ""};
  one.take_output();
  two.take_output();
  say(one, "a SELECT INBOX");
  EXPECT_NE(say(two, "a SELECT INBOX").find("* 0 RECENT"), std::string::npos);
  EXPECT_EQ(new_files(), 0);
  EXPECT_NE(say(one, "b FETCH 7 BODY[]").find("Subject: 6\r\n"), std::string::npos);
  say(one, "c STORE 1:* +FLAGS.SILENT (\\Flagged)");
  say(two, "c STORE 8 +FLAGS.SILENT (\\Seen)");
  one.woken(Woken::Time);
  say(one, "d NOOP");
  EXPECT_EQ(say(one, "e FETCH 7:8 FLAGS"),
            "* 7 FETCH (FLAGS (\\Flagged \\Seen \\Recent))\r\n"
            "* 8 FETCH (FLAGS (\\Flagged \\Seen \\Recent))\r\ne OK Fetch completed\r\n");
}

}  // namespace
}  // namespace mail::imap
