// DirectoryQueue under faults, damage, and what users may put into drop/.
#include "libmail/queue/directory/directory_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "libmail/base/faults.h"
#include "libmail/base/sys.h"
#include "libmail/queue/directory/drop.h"
#include "libmail/queue/envelope_text.h"

namespace mail::queue {
namespace {

Recipient to(const std::string& address) {
  Recipient recipient;
  recipient.address = address;
  return recipient;
}

class DirectoryTest : public ::testing::Test {
 protected:
  DirectoryTest() {
    char name[] = "/tmp/tubepost-queue-XXXXXX";
    settings_.directory = ::mkdtemp(name);
    queue_ = DirectoryQueue::open(settings_, clock_).value();
  }
  ~DirectoryTest() override {
#ifdef TUBEPOST_FAULTS
    faults::arm("");
    faults::kill_by_throwing(false);
#endif
    std::filesystem::remove_all(settings_.directory);
  }
  Result<QueueId> put(const std::string& message) {
    auto draft = TRY(queue_->create());
    TRY(draft->write(message));
    Envelope envelope;
    envelope.recipients = {to("a@x"), to("b@y")};
    return draft->commit(envelope);
  }
  std::string file(const QueueId& id) { return settings_.directory + "/queue/" + id.value; }
  std::size_t count(const std::string& folder) {
    return sys::list_directory(settings_.directory + "/" + folder)->size();
  }

  ManualClock clock_;
  Settings settings_;
  std::unique_ptr<DirectoryQueue> queue_;
};

TEST_F(DirectoryTest, IsItsOwnersAlone) {
  const auto id = put("m\n").value();
  EXPECT_EQ(sys::stat(settings_.directory + "/queue")->st_mode & 0777U, 0700U);
  EXPECT_EQ(sys::stat(file(id))->st_mode & 0777U, 0600U);
  const auto octets = sys::read_file(file(id)).value();
  EXPECT_TRUE(octets.starts_with("tubepost-queue 1 ")) << octets;
  EXPECT_TRUE(octets.ends_with("\n\nm\n")) << octets;
}

TEST_F(DirectoryTest, DamagedFilesAreSetAside) {
  const auto id = put("message\n").value();
  const auto octets = sys::read_file(file(id)).value();
  const std::string cases[] = {"", "garbage", octets.substr(0, 60),
                               octets.substr(0, octets.size() - 1), octets + "x"};
  for (const auto& damaged : cases) {
    std::filesystem::remove_all(settings_.directory + "/damaged/" + id.value);
    ASSERT_TRUE(sys::replace_file(file(id), damaged, 0600));
    const auto refused = queue_->lock(id);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::Corrupt);
    EXPECT_FALSE(queue_->exists(id).value());
    EXPECT_EQ(sys::read_file(settings_.directory + "/damaged/" + id.value).value(), damaged);
  }
}

TEST_F(DirectoryTest, QueueMinfreeKeepsRoom) {
  settings_.minfree = ~std::uint64_t{0} >> 1U;
  queue_ = DirectoryQueue::open(settings_, clock_).value();
  const auto refused = queue_->create();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, (EnhancedStatus{4, 3, 1}));
  EXPECT_TRUE(queue_->create_reserved());
}

TEST_F(DirectoryTest, OneRunner) {
  const auto held = queue_->lock_runner().value();
  EXPECT_EQ(queue_->lock_runner().error().code, Errc::InUse);
}

TEST_F(DirectoryTest, LeftoversGoAfterADay) {
  const std::string old = settings_.directory + "/queue/.A.tmp";
  ASSERT_TRUE(sys::replace_file(old, "x", 0600));
  ASSERT_TRUE(sys::replace_file(settings_.directory + "/queue/GONE.try", "x", 0600));
  clock_.step_wall_clock(SystemClock().now() - clock_.now());
  ASSERT_TRUE(queue_->remove_leftovers());
  EXPECT_EQ(count("queue"), 1U);  // the young one may be somebody's
  clock_.advance(std::chrono::hours(25));
  ASSERT_TRUE(queue_->remove_leftovers());
  EXPECT_EQ(count("queue"), 0U);
}

#ifdef TUBEPOST_FAULTS
// Runs `work` under "*:N:action" for N = 1, 2, ... until nothing is hit any more.
template <class Work, class Check>
void at_every_call(const std::string& action, Work work, Check check) {
  faults::kill_by_throwing(true);
  for (std::size_t n = 1;; ++n) {
    ASSERT_LT(n, 200U);
    ASSERT_TRUE(faults::arm("*:" + std::to_string(n) + ":" + action));
    bool acknowledged = false;
    try {
      acknowledged = work();
    } catch (const faults::Killed&) {
    }
    const std::size_t seen = faults::calls_seen();
    faults::arm("");
    check(acknowledged, action + " at " + std::to_string(n));
    if (seen < n) return;
  }
}

class DirectoryFaults : public DirectoryTest, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Actions, DirectoryFaults,
                         ::testing::Values("kill", "torn", "after", "ENOSPC", "EIO", "short"));

TEST_P(DirectoryFaults, CommittedSurvivesUncommittedLeavesNothing) {
  const std::string message(200'000, 'm');
  at_every_call(
      GetParam(), [&] { return put(message).has_value(); },
      [&](bool acknowledged, const std::string& where) {
        const auto ids = queue_->ids().value();
        if (acknowledged) {
          ASSERT_EQ(ids.size(), 1U) << where;
        }
        const bool killed = std::string_view(GetParam()) == "kill" ||
                            std::string_view(GetParam()) == "torn" ||
                            std::string_view(GetParam()) == "after";
        // Refused means gone; killed in between may leave the whole message, never a part.
        if (!acknowledged && !killed) {
          EXPECT_TRUE(ids.empty()) << where;
        }
        for (const auto& id : ids) {
          auto item = queue_->lock(id);
          ASSERT_TRUE(item) << where;
          EXPECT_EQ((*item)->read_message(0, message.size() + 1).value(), message) << where;
          ASSERT_TRUE((*item)->remove());
        }
        EXPECT_EQ(count("damaged"), 0U) << where;
        const auto names = sys::list_directory(settings_.directory + "/queue").value();
        for (const auto& name : names) {
          EXPECT_TRUE(killed && name.ends_with(".tmp")) << where << ": " << name;
          ::unlink((settings_.directory + "/queue/" + name).c_str());
        }
      });
}

TEST_F(DirectoryTest, AMarkThatWasNotDurableIsSyncedAgain) {
  const auto item = queue_->lock(put("m\n").value()).value();
  const Item::Mark mark[] = {{0, RecipientState::Done, {2, 0, 0}, "ok"}};
  faults::arm("fsync:1:EIO,fsync:2:EIO");
  EXPECT_FALSE(item->mark(mark));
  EXPECT_FALSE(item->mark(mark));
  EXPECT_TRUE(item->mark(mark));
}

TEST_F(DirectoryTest, ADraftWithAFailedWriteIsNeverCommitted) {
  const std::string piece(100'000, 'A');
  auto draft = queue_->create().value();
  ASSERT_TRUE(draft->write(piece));
  faults::arm("write:1:short,write:2:ENOSPC");
  EXPECT_FALSE(draft->write(piece));
  faults::arm("");
  EXPECT_FALSE(draft->write(piece));
  Envelope envelope;
  envelope.recipients = {to("a@x")};
  EXPECT_FALSE(draft->commit(envelope));
  EXPECT_TRUE(queue_->ids().value().empty());
}

TEST_P(DirectoryFaults, MarksAreOldOrNew) {
  const auto id = put("m\n").value();
  at_every_call(
      GetParam(),
      [&] {
        auto item = queue_->lock(id);
        if (!item) return false;
        const Item::Mark marks[] = {{0, RecipientState::Done, {2, 0, 0}, "ok"},
                                    {1, RecipientState::Pending, {4, 0, 0}, "later"}};
        return (*item)->mark(marks).has_value() && (*item)->defer(clock_.now()).has_value();
      },
      [&](bool acknowledged, const std::string& where) {
        auto item = queue_->lock(id);
        ASSERT_TRUE(item) << where << ": " << item.error().log_text;
        const auto& recipients = (*item)->envelope().recipients;
        EXPECT_NE(recipients[0].state, RecipientState::Failed);
        EXPECT_EQ(recipients[1].state, RecipientState::Pending) << where;
        EXPECT_EQ((*item)->read_message(0, 9).value(), "m\n");
        if (acknowledged) {
          EXPECT_EQ(recipients[0].state, RecipientState::Done) << where;
          EXPECT_EQ(recipients[1].reason, "later") << where;
        }
        const Item::Mark back[] = {{0, RecipientState::Pending, {}, ""}};
        ASSERT_TRUE((*item)->mark(back));
      });
}

TEST_P(DirectoryFaults, DroppedMailIsTakenOnceWhateverHappens) {
  const Ingestion ingestion{
      [](const std::string& address, const std::string&) -> Result<std::vector<Recipient>> {
        return std::vector<Recipient>{to(address)};
      },
      [](const Envelope&, uid_t) { return std::string("Received: by here\n"); }};
  at_every_call(
      GetParam(),
      [&] {
        // Its first part is written without faults: a message lies there.
        const std::string plan = std::string();
        Drop drop(settings_, clock_);
        Envelope envelope;
        envelope.recipients = {to("a@x")};
        const bool dropped = drop.open() && drop.write("body\n") && drop.commit(envelope);
        return dropped && ingest_drop(*queue_, settings_, ingestion) == std::size_t{1};
      },
      [&](bool acknowledged, const std::string& where) {
        // What is left in drop/ is taken at the next run.
        ASSERT_TRUE(ingest_drop(*queue_, settings_, ingestion)) << where;
        const auto ids = queue_->ids().value();
        EXPECT_LE(ids.size(), 1U) << where;
        if (acknowledged) {
          EXPECT_EQ(ids.size(), 1U) << where;
        }
        for (const auto& id : ids) {
          auto item = queue_->lock(id);
          ASSERT_TRUE(item) << where;
          EXPECT_EQ((*item)->read_message(0, 99).value(), "Received: by here\nbody\n") << where;
          ASSERT_TRUE((*item)->remove());
        }
        clock_.advance(std::chrono::seconds(1));
      });
}
#endif

// What goes to a recipient's process, and so to that user's commands, can be read and not written.
TEST_F(DirectoryTest, GivesTheMessageAwayForReadingOnly) {
  auto draft = queue_->create().value();
  ASSERT_TRUE(draft->write("Subject: x\n\nbody\n"));
  const auto item = queue_->lock(put("m\n").value()).value();
  for (const auto& message : {draft->message(), item->message()}) {
    ASSERT_TRUE(message);
    EXPECT_EQ(::pwrite(message->get(), "evil", 4, 0), -1);
    EXPECT_NE(sys::pread_all(*message, 0, 4).value(), "evil");
  }
}

TEST_F(DirectoryTest, DropFilesAreNotBelieved) {
  std::vector<std::string> asked;
  const Ingestion ingestion{
      [&](const std::string& address, const std::string&) -> Result<std::vector<Recipient>> {
        asked.push_back(address);
        if (address == "none@here") return fail(Errc::NotFound, "User unknown");
        return std::vector<Recipient>{to(address)};
      },
      [](const Envelope& believed, uid_t owner) {
        EXPECT_LT(std::chrono::system_clock::now() - believed.arrived, std::chrono::minutes(5));
        return "Received: uid " + std::to_string(owner) + "\n";
      }};
  Drop drop(settings_, clock_);
  ASSERT_TRUE(drop.open());
  ASSERT_TRUE(drop.write("body\n"));
  Envelope envelope;
  envelope.reverse_path = "me@here";
  envelope.client = "root";
  Recipient evil = to("a@x");
  evil.kind = "command";
  evil.target = "rm -rf /";
  evil.runs_as = "root";
  envelope.recipients = {evil, to("none@here")};
  const auto id = drop.commit(envelope).value();
  const std::string path = settings_.directory + "/drop/" + id.value;
  EXPECT_EQ(sys::stat(path)->st_mode & 0777U, 0640U);

  // None of these is a message: a link, a second name, a FIFO, garbage.
  ASSERT_EQ(::symlink("/etc/passwd", (settings_.directory + "/drop/LINK").c_str()), 0);
  ASSERT_EQ(::mkfifo((settings_.directory + "/drop/FIFO").c_str(), 0600), 0);
  ASSERT_TRUE(sys::replace_file(settings_.directory + "/drop/JUNK", "junk", 0640));
  ASSERT_TRUE(sys::replace_file(settings_.directory + "/drop/TWICE", "junk", 0640));
  ASSERT_TRUE(sys::link(settings_.directory + "/drop/TWICE", settings_.directory + "/other"));
  EXPECT_EQ(ingest_drop(*queue_, settings_, ingestion).value(), 1U);
  EXPECT_EQ(count("drop"), 0U);
  EXPECT_EQ(count("damaged"), 4U);

  const auto listings = queue_->list().value();
  ASSERT_EQ(listings.size(), 1U);
  const auto& taken = listings[0].envelope;
  EXPECT_EQ(taken.client, "uid " + std::to_string(::getuid()));
  EXPECT_EQ(taken.reverse_path, "me@here");
  ASSERT_EQ(taken.recipients.size(), 2U);
  EXPECT_EQ(taken.recipients[0].kind, "remote");
  EXPECT_EQ(taken.recipients[0].runs_as, "");
  EXPECT_EQ(taken.recipients[1].kind, "unknown");
  EXPECT_EQ(asked, (std::vector<std::string>{"a@x", "none@here"}));
}

}  // namespace
}  // namespace mail::queue
