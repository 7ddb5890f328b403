#include "libmail/reader/folder.h"

#include <gtest/gtest.h>

#include "libmail/store/memory/mail_store.h"
#include "libmail/store/message_source.h"

namespace mail::reader {
namespace {

// A phone marks messages while mail-reader is open: at its end only its own changes are made.
TEST(Folder, LeavesOtherSessionsFlags) {
  ManualClock clock;
  store::memory::MemoryMailStore store(std::make_shared<store::memory::World>(clock));
  const std::shared_ptr<store::Mailbox> box = store.open("INBOX").value();
  for (int i = 0; i < 2; ++i) {
    store::StringSource source{"Subject: x\n\nbody\n"};
    ASSERT_TRUE(box->append(source, {}));
  }
  auto folder = Folder::load(box, "box").value();
  folder.at(2).is_read = true;
  folder.at(2).flags.set(store::Flag::Flagged);
  folder.at(2).flags_changed = true;

  const auto other = store.open("INBOX").value();
  ASSERT_TRUE(other->change([](const store::Snapshot& snapshot) {
    std::vector<store::Change> changes;
    snapshot.for_each([&](const store::MessageInfo& info) {
      store::Change change;
      change.uid = info.uid;
      change.flags = store::Flags{};
      change.flags->set(store::Flag::Seen);
      change.flags->set(store::Flag::Answered);
      change.flags->set_keyword("$Work");
      changes.push_back(std::move(change));
    });
    return changes;
  }));
  ASSERT_TRUE(folder.finish({}));
  const auto changes = other->since(store::ModSeq{0}).value();
  ASSERT_EQ(changes.messages.size(), 2U);
  for (const auto& info : changes.messages) {
    EXPECT_TRUE(info.flags.has(store::Flag::Seen));
    EXPECT_TRUE(info.flags.has(store::Flag::Answered));
    EXPECT_TRUE(info.flags.has_keyword("$Work"));
  }
  EXPECT_FALSE(changes.messages.front().flags.has(store::Flag::Flagged));
  EXPECT_TRUE(changes.messages.back().flags.has(store::Flag::Flagged));
}

}  // namespace
}  // namespace mail::reader
