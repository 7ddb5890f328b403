// How often an operation waits for the disk (docs/mbox.md and docs/maildir.md have the numbers).
#include <gtest/gtest.h>

#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"

namespace mail::store {
namespace {

std::size_t syncs_of(const std::function<void()>& work) {
  return calls("fsync", work);  // and fdatasync, and of directories
}

struct Counts {
  std::size_t deliver, deliver_queued, append, append_flagged, append_ten, copy_one, copy_ten;
  std::size_t look_at_foreign, set_seen, set_seen_again, set_ten, expunge_one, expunge_ten, fold;
  std::size_t expunge_last, expunge_all;
};

class Syncs : public testing::Test {
 protected:
  static std::vector<NewMessage> ten() {
    std::vector<NewMessage> messages;
    for (int i = 0; i < 10; ++i) {
      messages.push_back(new_message("Subject: " + std::to_string(i) + "\n\nx\n"));
    }
    return messages;
  }
  static Edit flag(std::size_t first, std::size_t count, Flag which) {
    return [=](const Snapshot& snapshot) {
      std::vector<Change> changes;
      std::size_t at = 0;
      snapshot.for_each([&](const MessageInfo& info) {
        if (at++ < first || changes.size() >= count) return;
        Flags flags = info.flags;
        flags.set(which);
        changes.push_back({info.uid, flags, false, false});
      });
      return changes;
    };
  }
  static Edit drop(std::size_t count) {
    return [=](const Snapshot& snapshot) {
      std::vector<Change> changes;
      snapshot.for_each([&](const MessageInfo& info) {
        if (changes.size() < count) changes.push_back({info.uid, std::nullopt, false, true});
      });
      return changes;
    };
  }
  static Edit drop_last() {
    return [](const Snapshot& snapshot) {
      Uid last;
      snapshot.for_each([&](const MessageInfo& info) { last = info.uid; });
      return std::vector<Change>{{last, std::nullopt, false, true}};
    };
  }
  static void copy(Mailbox& from, std::size_t count, Mailbox& to) {
    auto messages = all(from);
    messages.resize(count);
    expect_ok(append_copies(from, messages, to));
  }

  // Of a mailbox of thirty messages that is known.
  static Counts count(MailStore& store, const std::function<void()>& deliver_foreign) {
    const auto box = expect_ok(store.open("INBOX"));
    expect_ok(store.create("other"));
    const auto other = expect_ok(store.open("other"));
    for (int i = 0; i < 3; ++i) expect_ok(box->append_all(ten()));
    expect_ok(other->append_all(ten()));
    expect_ok(box->change(flag(29, 1, Flag::Draft)));
    expect_ok(box->fold());
    Counts counts{};
    const auto append = [&](AppendOptions options) {
      StringSource source{kMessage};
      expect_ok(box->append(source, options));
    };
    AppendOptions delivery;
    delivery.delivery_id = "one";
    counts.deliver = syncs_of([&] { append(delivery); });
    delivery.delivery_id = "two";
    delivery.may_be_retried = true;
    counts.deliver_queued = syncs_of([&] { append(delivery); });
    all(*box);
    counts.append = syncs_of([&] { append({}); });
    AppendOptions flagged;
    flagged.flags.set(Flag::Seen);
    counts.append_flagged = syncs_of([&] { append(flagged); });
    counts.append_ten = syncs_of([&] { expect_ok(box->append_all(ten())); });
    counts.copy_one = syncs_of([&] { copy(*other, 1, *box); });
    counts.copy_ten = syncs_of([&] { copy(*other, 10, *box); });
    deliver_foreign();
    counts.look_at_foreign = syncs_of([&] { all(*box); });
    expect_ok(box->change([](const Snapshot& snapshot) {
      std::vector<Change> changes;
      snapshot.for_each([&](const MessageInfo& info) {
        changes.push_back({info.uid, std::nullopt, true, false});
      });
      return changes;
    }));
    counts.set_seen = syncs_of([&] { expect_ok(box->change(flag(3, 1, Flag::Seen))); });
    counts.set_seen_again = syncs_of([&] { expect_ok(box->change(flag(3, 1, Flag::Flagged))); });
    counts.set_ten = syncs_of([&] { expect_ok(box->change(flag(5, 10, Flag::Seen))); });
    counts.fold = syncs_of([&] { expect_ok(box->fold()); });
    counts.expunge_one = syncs_of([&] { expect_ok(box->change(drop(1))); });
    counts.expunge_ten = syncs_of([&] { expect_ok(box->change(drop(10))); });
    counts.expunge_last = syncs_of([&] { expect_ok(box->change(drop_last())); });
    counts.expunge_all = syncs_of([&] { expect_ok(box->change(drop(SIZE_MAX))); });
    return counts;
  }

  static void expect(const Counts& got, const Counts& wanted) {
    EXPECT_EQ(got.deliver, wanted.deliver);
    EXPECT_EQ(got.deliver_queued, wanted.deliver_queued);
    EXPECT_EQ(got.append, wanted.append);
    EXPECT_EQ(got.append_flagged, wanted.append_flagged);
    EXPECT_EQ(got.append_ten, wanted.append_ten);
    EXPECT_EQ(got.copy_one, wanted.copy_one);
    EXPECT_EQ(got.copy_ten, wanted.copy_ten);
    EXPECT_EQ(got.look_at_foreign, wanted.look_at_foreign);
    EXPECT_EQ(got.set_seen, wanted.set_seen);
    EXPECT_EQ(got.set_seen_again, wanted.set_seen_again);
    EXPECT_EQ(got.set_ten, wanted.set_ten);
    EXPECT_EQ(got.expunge_one, wanted.expunge_one);
    EXPECT_EQ(got.expunge_ten, wanted.expunge_ten);
    EXPECT_EQ(got.expunge_last, wanted.expunge_last);
    EXPECT_EQ(got.expunge_all, wanted.expunge_all);
    EXPECT_EQ(got.fold, wanted.fold);
  }
};

constexpr Counts kOfAnMbox = {.deliver = 1,
                              .deliver_queued = 2,
                              .append = 2,
                              .append_flagged = 2,
                              .append_ten = 2,
                              .copy_one = 2,
                              .copy_ten = 2,
                              .look_at_foreign = 1,
                              .set_seen = 1,
                              .set_seen_again = 1,
                              .set_ten = 1,
                              .expunge_one = 4,
                              .expunge_ten = 4,
                              .fold = 4,
                              .expunge_last = 3,
                              .expunge_all = 2};

constexpr Counts kOfAMaildir = {.deliver = 2,
                                .deliver_queued = 5,
                                .append = 4,
                                .append_flagged = 4,
                                .append_ten = 15,
                                .copy_one = 3,
                                .copy_ten = 5,
                                .look_at_foreign = 2,
                                .set_seen = 2,
                                .set_seen_again = 2,
                                .set_ten = 2,
                                .expunge_one = 2,
                                .expunge_ten = 2,
                                .fold = 0,
                                .expunge_last = 2,
                                .expunge_all = 2};

// mail_fsync = never: nobody waits for flags, nor for the line of the log that says what is to be
// expunged. The journal of a rewrite stays, and so do messages and their UIDs.
Counts of_never(Counts counts) {
  counts.set_seen = counts.set_seen_again = counts.set_ten = 0;
  --counts.expunge_one;
  --counts.expunge_ten;
  --counts.expunge_last;
  --counts.expunge_all;
  return counts;
}

TEST_F(Syncs, OfAnMbox) {
  for (const bool sync_changes : {true, false}) {
    MboxFixture fixture;
    fixture.settings().sync_changes = sync_changes;
    const auto store = fixture.open();
    const auto deliver_foreign = [&] {
      spill_behind(fixture.inbox(), "From x Thu Nov 26 10:00:00 2026\n\nforeign\n\n");
    };
    expect(count(*store, deliver_foreign), sync_changes ? kOfAnMbox : of_never(kOfAnMbox));
  }
}

TEST_F(Syncs, OfAMaildir) {
  for (const bool sync_changes : {true, false}) {
    MaildirFixture fixture;
    fixture.settings().sync_changes = sync_changes;
    const auto store = fixture.open();
    const auto deliver_foreign = [&] { spill(fixture.root() + "/new/1.foreign.host", "x\n"); };
    Counts never = of_never(kOfAMaildir);
    never.fold = 1;  // it saves the index, before which the log is synced
    expect(count(*store, deliver_foreign), sync_changes ? kOfAMaildir : never);
  }
}

// Above what every MODSEQ told so far is: durable before one above it is told.
TEST_F(Syncs, TheFloorOfModSeqsIsDurableAtNeverToo) {
  MboxFixture fixture;
  fixture.settings().sync_changes = false;
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  expect_ok(box->append_all(ten()));
  all(*box);
  const auto syncs = [&](Flag which) {
    return syncs_of([&] { expect_ok(box->change(flag(3, 1, which))); });
  };
  EXPECT_EQ(syncs(Flag::Seen), 0U);
  fixture.clock().advance(std::chrono::hours(2));
  EXPECT_EQ(syncs(Flag::Flagged), 1U);
  EXPECT_EQ(syncs(Flag::Answered), 0U);
}

}  // namespace
}  // namespace mail::store
