// The process is killed before, in the middle of and after each system call of an append, a flag
// change with fold, and an expunge; and each call fails for want of room. Afterwards every
// acknowledged message is there exactly once, octet for octet.
#include "libmail/base/faults.h"

#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"

#ifdef TUBEPOST_FAULTS

namespace mail::store {
namespace {

constexpr std::size_t kMostCalls = 400;

// Every call takes minutes under sanitizers: TUBEPOST_ALL_FAULTS=1. Otherwise every fifth, another
// fifth for each action.
std::size_t first_call(const std::string& action) {
  return std::getenv("TUBEPOST_ALL_FAULTS") != nullptr ? 1 : 1 + action.size() % 5;
}
std::size_t stride() { return std::getenv("TUBEPOST_ALL_FAULTS") != nullptr ? 1 : 5; }

struct Param {
  const char* name;
  std::unique_ptr<Fixture> (*make)();
};

class StoreFaults : public testing::TestWithParam<Param> {
 protected:
  void SetUp() override { faults::kill_by_throwing(true); }
  void TearDown() override {
    faults::arm("");
    faults::kill_by_throwing(false);
  }
};

const std::string kOld = "A: 1\n\nthe first\n";
const std::string kNew = "Received: by mx with SMTP id Q77\nB: 2\n\nthe second\nFrom me\n";
const std::string kThird = "C: 3\n\nthe third\n";

std::vector<std::string> wires(Mailbox& box) {
  std::vector<std::string> found;
  for (const auto& info : all(box)) found.push_back(body(box, info.uid, View::Wire));
  return found;
}

TEST_P(StoreFaults, AppendIsOnceAndWhole) {
  const bool is_mbox = std::string(GetParam().name) != "maildir";
  std::string stored = kNew;
  if (is_mbox) stored.replace(stored.find("From me"), 4, ">From");
  for (const std::string action : {"kill", "torn", "after", "ENOSPC", "EDQUOT", "EIO"}) {
    for (const bool retried : {true, false}) {
      std::size_t nth = first_call(action);
      for (; nth < kMostCalls; nth += stride()) {
        const auto fixture = GetParam().make();
        AppendOptions options;
        options.delivery_id = "Q77/0";
        options.may_be_retried = retried;
        add(*expect_ok(fixture->open()->open("INBOX")), kOld);
        bool acknowledged = false;
        const bool reached = run(action, nth, [&] {
          const auto store = fixture->open();
          const auto box = store->open("INBOX");
          StringSource source{kNew};
          if (box) acknowledged = (*box)->append(source, options).has_value();
        });
        const std::string where = action + " at call " + std::to_string(nth);
        // Somebody else looks or delivers before the retry.
        if (nth % 3 == 1) all(*expect_ok(fixture->open()->open("INBOX")));
        std::vector<std::string> expected{to_wire(kOld), to_wire(stored)};
        if (nth % 3 == 2) {
          add(*expect_ok(fixture->open()->open("INBOX")), kThird);
          expected.push_back(to_wire(kThird));
        }
        const auto store = fixture->open();
        const auto box = expect_ok(store->open("INBOX"));
        StringSource source{kNew};
        const auto again = expect_ok(box->append(source, options));
        EXPECT_TRUE(!acknowledged || again.was_stored_before) << where;
        ASSERT_THAT(wires(*box), testing::UnorderedElementsAreArray(expected)) << where;
        if (!reached) break;
      }
      EXPECT_LT(nth, kMostCalls);
    }
  }
}

// Who gets an error sends the message again, under another id: it must not be there.
TEST_P(StoreFaults, AnAppendThatFailsHasStoredNothing) {
  Flags seen;
  seen.set(Flag::Seen);
  for (const std::string action : {"ENOSPC", "EIO"}) {
    for (const std::string id : {"", "Q77/0"}) {
      std::size_t nth = first_call(action + id);
      for (; nth < kMostCalls; nth += stride()) {
        const auto fixture = GetParam().make();
        AppendOptions options;
        options.delivery_id = id;
        if (id.empty()) options.flags = seen;
        const bool is_new = nth % 2 == 0;  // the mailbox itself
        if (!is_new) add(*expect_ok(fixture->open()->open("INBOX")), kOld);
        bool failed = false;
        const bool reached = run(action, nth, [&] {
          const auto store = fixture->open();
          const auto box = store->open("INBOX");
          StringSource source{kNew};
          failed = !box || !(*box)->append(source, options).has_value();
        });
        const auto store = fixture->open();
        const std::size_t count = all(*expect_ok(store->open("INBOX"))).size();
        ASSERT_EQ(count, (is_new ? 0U : 1U) + (failed ? 0U : 1U))
            << action << " at call " << nth << ", id '" << id << "'";
        if (!reached) break;
      }
      EXPECT_LT(nth, kMostCalls);
    }
  }
}

// COPY and MOVE: all of the copies or none, and the originals until the copies are there.
TEST_P(StoreFaults, AppendOfSeveralIsAllOrNothing) {
  Flags seen;
  seen.set(Flag::Seen);
  for (const std::string action : {"kill", "torn", "after", "ENOSPC", "EDQUOT", "EIO"}) {
    std::size_t nth = first_call(action);
    for (; nth < kMostCalls; nth += stride()) {
      const auto fixture = GetParam().make();
      {
        const auto store = fixture->open();
        expect_ok(store->create("target"));
        add(*expect_ok(store->open("target")), kThird);
        const auto inbox = expect_ok(store->open("INBOX"));
        AppendOptions options;
        options.flags = seen;
        add(*inbox, kOld, options);
        add(*inbox, "D: 4\n\n" + std::string(9000, 'x') + "\n");
      }
      bool copied = false;
      bool failed = false;
      bool moved = false;
      const bool reached = run(action, nth, [&] {
        const auto store = fixture->open();
        const auto inbox = store->open("INBOX");
        const auto target = store->open("target");
        if (!inbox || !target) return;
        const auto changes = (*inbox)->since(ModSeq{0});
        if (!changes) return;
        copied = append_copies(**inbox, changes->messages, **target).has_value();
        failed = !copied;
        if (!copied) return;
        moved = (*inbox)
                    ->change(expunge({changes->messages[0].uid, changes->messages[1].uid}))
                    .has_value();
      });
      const std::string where = action + " at call " + std::to_string(nth);
      // Somebody else delivers first.
      std::size_t others = 1;
      if (nth % 2 == 1) {
        StringSource source{kNew};
        AppendOptions options;
        options.delivery_id = "Q78/0";
        const auto store = fixture->open();
        expect_ok(expect_ok(store->open("target"))->append(source, options));
        ++others;
      }
      const auto store = fixture->open();
      const auto inbox = expect_ok(store->open("INBOX"));
      const auto target = expect_ok(store->open("target"));
      const auto there = all(*target);
      const std::size_t copies = there.size() - others;
      ASSERT_TRUE(copies == 0 || copies == 2) << where << ": " << copies << " copies";
      if (copied) {
        ASSERT_EQ(copies, 2U) << where;
        EXPECT_EQ(there[1].flags, seen) << where;
      }
      ASSERT_TRUE(!failed || copies == 0) << where;
      EXPECT_EQ(body(*target, there[0].uid, View::Wire), to_wire(kThird)) << where;
      if (copies == 2) {
        EXPECT_EQ(body(*target, there[1].uid, View::Wire), to_wire(kOld)) << where;
        EXPECT_EQ(body(*target, there[2].uid, View::Wire).size(), 9010U) << where;
      }
      const std::size_t originals = all(*inbox).size();
      EXPECT_TRUE(!moved || originals == 0) << where;
      EXPECT_TRUE(originals == 2 || copies == 2) << where;
      EXPECT_TRUE(originals == 2 || originals == 0) << where;
      if (!reached) break;
    }
    EXPECT_LT(nth, kMostCalls);
  }
}

TEST_P(StoreFaults, FlagsAndExpungesHoldOnceAcknowledged) {
  for (const std::string action : {"kill", "torn", "after", "ENOSPC", "EDQUOT", "EIO"}) {
    std::size_t nth = first_call(action);
    for (; nth < kMostCalls; nth += stride()) {
      const auto fixture = GetParam().make();
      std::vector<Uid> uids;
      {
        const auto store = fixture->open();
        const auto box = expect_ok(store->open("INBOX"));
        for (const auto& text :
             {kOld, kThird, std::string("D: 4\n\n") + std::string(9000, 'x') + "\n"}) {
          uids.push_back(add(*box, text));
        }
      }
      Flags seen;
      seen.set(Flag::Seen);
      seen.set_keyword("work");
      bool has_flags = false;
      bool has_expunged = false;
      const bool reached = run(action, nth, [&] {
        const auto store = fixture->open();
        const auto box = store->open("INBOX");
        if (!box) return;
        has_flags = (*box)->change(set_flags(uids[2], seen)).has_value();
        static_cast<void>((*box)->fold());
        has_expunged = (*box)->change(expunge({uids[0]})).has_value();
        static_cast<void>((*box)->fold());
      });
      const std::string where = action + " at call " + std::to_string(nth);
      for (const bool folded : {false, true}) {
        const auto store = fixture->open();
        const auto box = expect_ok(store->open("INBOX"));
        if (folded) expect_ok(box->fold());
        const auto found = all(*box);
        const std::size_t missing = has_expunged ? 1 : found.size() == 2 ? 1 : 0;
        ASSERT_EQ(found.size(), 3 - missing) << where;
        std::size_t at = missing;
        for (const auto& info : found) {
          EXPECT_EQ(info.uid, uids[at++]) << where;
          EXPECT_EQ(body(*box, info.uid, View::Wire).size(), size_of(*box, info.uid)) << where;
        }
        EXPECT_EQ(body(*box, uids[1], View::Wire), to_wire(kThird)) << where;
        EXPECT_EQ(body(*box, uids[2], View::Wire).substr(0, 9), "D: 4\r\n\r\nx") << where;
        if (has_flags) {
          EXPECT_EQ(found.back().flags, seen) << where;
        }
      }
      if (!reached) break;
    }
    EXPECT_LT(nth, kMostCalls);
  }
}

INSTANTIATE_TEST_SUITE_P(Disk, StoreFaults,
                         testing::Values(Param{"mbox",
                                               []() -> std::unique_ptr<Fixture> {
                                                 return std::make_unique<MboxFixture>();
                                               }},
                                         Param{"mbox in windows",
                                               []() -> std::unique_ptr<Fixture> {
                                                 auto made = std::make_unique<MboxFixture>();
                                                 made->settings().rewrite_window = 2000;
                                                 return made;
                                               }},
                                         Param{"maildir", []() -> std::unique_ptr<Fixture> {
                                                 return std::make_unique<MaildirFixture>();
                                               }}));

// Where a Dovecot is told of flags and UIDs at once.
INSTANTIATE_TEST_SUITE_P(BesideDovecot, StoreFaults,
                         testing::Values(Param{"mbox", []() -> std::unique_ptr<Fixture> {
                                                 auto fixture = std::make_unique<MboxFixture>();
                                                 std::filesystem::create_directories(
                                                     fixture->home() + "/mail/.imap/INBOX");
                                                 return fixture;
                                               }}));

}  // namespace
}  // namespace mail::store

#endif
