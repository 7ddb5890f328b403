// The log cannot be read when its lock is held already: nothing is written that does not know all
// that stands there, no UID is given twice, and the next try finds everything as it was.
#include <gtest/gtest.h>

#include "libmail/base/log.h"
#include "libmail/store/state_log.h"
#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"

#ifdef TUBEPOST_FAULTS

namespace mail::store {
namespace {

constexpr std::size_t kMostReads = 2000;
constexpr int kMessages = 250;  // some pages of an index, which a session needs
const std::string kNew = "N: 1\n\nnew\n";

std::string text_of(int n) {
  return "Subject: " + std::to_string(n) + "\n\nbody of " + std::to_string(n) + "\n";
}

class Replay : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    log::open("test", log::Sink::Discard);
    fill();
  }
  void TearDown() override { faults::arm(""); }

  [[nodiscard]] bool is_mbox() const { return GetParam(); }
  std::unique_ptr<Mailbox> open() {
    stores_.push_back(is_mbox() ? mbox_.open() : maildir_.open());
    return expect_ok(stores_.back()->open("INBOX"));
  }
  [[nodiscard]] std::string log_path() const {
    return is_mbox() ? mbox_.home() + "/mail/.imap/.tubepost/INBOX.state"
                     : maildir_.root() + "/tubepost.state";
  }
  [[nodiscard]] std::string index_path() const {
    return is_mbox() ? log_path() + ".index" : maildir_.root() + "/tubepost.index";
  }
  // What the last ones are, and which others there are.
  std::map<std::uint32_t, std::string> by_uid(Mailbox& box) {
    std::map<std::uint32_t, std::string> found;
    for (const auto& info : all(box)) {
      found[info.uid.value] = info.uid < late_ ? "" : body(box, info.uid, View::Wire);
    }
    return found;
  }

  Uid late_;
  MboxFixture mbox_;
  MaildirFixture maildir_;
  std::vector<std::unique_ptr<MailStore>> stores_;

 private:
  void fill() {
    std::vector<NewMessage> messages;
    for (int n = 0; n < kMessages; ++n) messages.push_back(new_message(text_of(n)));
    const auto box = open();
    expect_ok(box->append_all(messages));
    expect_ok(box->fold());
    ASSERT_TRUE(std::filesystem::exists(index_path()));
  }
};

INSTANTIATE_TEST_SUITE_P(Formats, Replay, testing::Values(true, false),
                         [](const auto& it) { return it.param ? "Mbox" : "Maildir"; });

// The log by itself: its index turns out unreadable, and so does what it would be made of.
TEST_P(Replay, NothingIsWrittenBeforeTheLogIsRead) {
  const std::string before = slurp(log_path());
  const SystemClock clock;
  StateLog log{log_path(), clock, {.index_path = index_path()}};
  const auto guard = expect_ok(log.lock());
  ASSERT_TRUE(log.index());
  const Uid next = log.state().uid_next;
  faults::arm("read:1+:EIO");
  EXPECT_FALSE(log.load_messages());
  Ops ops;
  ops.measure(Uid{1}, {7, {}});
  EXPECT_FALSE(log.write(ops, true));
  EXPECT_EQ(slurp(log_path()), before);
  faults::arm("");
  expect_ok(log.write(ops, true));
  EXPECT_TRUE(slurp(log_path()).starts_with(before));
  EXPECT_EQ(log.state().uid_next, next);
  EXPECT_EQ(log.state().messages.size(), std::size_t{kMessages});
  StateLog other{log_path(), clock, {}};
  expect_ok(other.catch_up());
  EXPECT_FALSE(other.is_damaged());
  EXPECT_EQ(other.state().messages.size(), std::size_t{kMessages});
}

// A mailbox: its appends, changes of flags and expunges, where from the nth read on none succeeds,
// or only that one does not.
TEST_P(Replay, NoUidIsGivenTwice) {
  std::size_t replays = 0;
  for (const std::string later : {"+", ""}) {
    for (int work = 0; work < 3; ++work) {
      std::size_t nth = 1;
      for (; nth < kMostReads; nth += 1 + nth / 8) {
        SCOPED_TRACE("work " + std::to_string(work) + ", read " + std::to_string(nth) + later);
        stores_.clear();
        // Another program's, without the empty line at its end: our append looks behind itself.
        if (is_mbox()) spill_behind(mbox_.inbox(), "From a Thu Nov 26 10:00:00 2026\nA: 1\n\nx\n");
        const auto next = expect_ok(open()->status()).uid_next;
        late_ = Uid{next.value - 20};
        const auto before = by_uid(*open());
        const std::string log = slurp(log_path());
        const auto box = open();
        faults::arm("read:" + std::to_string(nth) + later + ":EIO");
        bool is_done = true;
        if (work == 0) {
          StringSource source{kNew};
          is_done = box->append(source, {}).has_value();
        } else {
          Flags flags;
          flags.set(Flag::Flagged, work == 1);
          const Uid last{before.rbegin()->first};
          is_done = box->change(work == 1 ? set_flags(last, flags) : expunge({last})).has_value();
        }
        const bool is_reached = faults::calls_seen("read") >= nth;
        faults::arm("");
        if (!is_done) ++replays;
        EXPECT_TRUE(slurp(log_path()).starts_with(log));
        const auto after = by_uid(*open());
        for (const auto& [uid, octets] : after) {
          const auto known = before.find(uid);
          EXPECT_TRUE(known == before.end() ? uid >= next.value : octets == known->second) << uid;
        }
        EXPECT_EQ(after.size(),
                  before.size() + (is_done && work == 0 ? 1 : 0) - (is_done && work == 2 ? 1 : 0));
        // And the session itself goes on.
        const Uid uid = add(*box, kNew);
        EXPECT_GE(uid, next);
        EXPECT_FALSE(before.contains(uid.value));
        EXPECT_EQ(body(*box, uid), kNew);
        EXPECT_EQ(by_uid(*box), by_uid(*open()));
        if (!is_reached || HasFailure()) break;
      }
      EXPECT_LT(nth, kMostReads);
    }
  }
  EXPECT_GT(replays, 10U);
}

// The append stands in the file when it comes out that its UID cannot be noted: it is cut off
// again, and the log is told so behind its last line, or not at all.
TEST(ReplayOfMbox, AnAppendIsTakenBack) {
  log::open("test", log::Sink::Discard);
  std::string octets;
  for (int n = 0; n < kMessages; ++n) {
    octets += "\nFrom ann@example.org Thu Nov 26 10:00:00 2026\n" + text_of(n);
  }
  octets.erase(0, 1);  // and no empty line behind the last one: our append looks at it again
  int taken_back = 0;
  std::size_t nth = 1;
  for (bool is_reached = true; is_reached && nth < kMostReads && !testing::Test::HasFailure();
       ++nth) {
    SCOPED_TRACE(nth);
    MboxFixture fixture;
    const std::string log_path = fixture.home() + "/mail/.imap/.tubepost/INBOX.state";
    spill(fixture.inbox(), octets);
    ::usleep(60'000);  // its times are to be believed
    all(*expect_ok(fixture.open()->open("INBOX")));
    ASSERT_TRUE(std::filesystem::exists(log_path + ".index"));
    const std::string log = slurp(log_path);
    const auto store = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    expect_ok(box->status());
    faults::arm("read:" + std::to_string(nth) + "+:EIO");
    StringSource source{kNew};
    const bool is_done = box->append(source, {}).has_value();
    is_reached = faults::calls_seen("read") >= nth;
    faults::arm("");
    if (!is_done) {
      EXPECT_EQ(slurp(fixture.inbox()), octets);
      if (slurp(log_path) != log) ++taken_back;
    }
    EXPECT_TRUE(slurp(log_path).starts_with(log));
    for (const Uid last : {add(*box, kNew), add(*expect_ok(fixture.open()->open("INBOX")), kNew)}) {
      EXPECT_GT(last.value, std::uint32_t{kMessages});
      EXPECT_EQ(body(*box, last), kNew);
    }
    EXPECT_EQ(all(*box).size(), std::size_t{kMessages} + (is_done ? 3 : 2));
    EXPECT_EQ(bodies(*expect_ok(fixture.open()->open("INBOX"))).at(kMessages - 1),
              text_of(kMessages - 1));
  }
  EXPECT_GT(taken_back, 2);
}

}  // namespace
}  // namespace mail::store

#endif
