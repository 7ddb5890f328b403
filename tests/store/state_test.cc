// Lines of the state log: what is written is what is read (docs/state-log.md).
#include "libmail/store/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "tests/store/disk_fixture.h"

namespace mail::store {
namespace {

using testing::ElementsAre;

Entry unmeasured(std::uint32_t uid, std::uint64_t modseq = 7) {
  Entry entry;
  entry.uid = {uid};
  entry.modseq = {modseq};
  entry.unmeasured = 1;
  return entry;
}

std::vector<std::string> verbs(std::string_view line) {
  std::vector<std::string> out;
  for (const auto op : ascii::split(line, '\t')) out.emplace_back(op.substr(0, op.find(' ')));
  return out;
}

// What is read of it, by UID.
std::map<std::uint32_t, std::string> names_in(const State& state) {
  std::map<std::uint32_t, std::string> names;
  for (const Entry& entry : state.messages) {
    names[entry.uid.value] = *state.word_of(entry.key());
  }
  return names;
}

TEST(StateLines, MessagesInARowAreOneOperation) {
  Ops ops;
  Entry seen = unmeasured(2);
  seen.flags.set(Flag::Seen);
  seen.old = 1;
  ops.message(unmeasured(1), "one");
  ops.message(seen, "a name\twith%\n");
  ops.message(unmeasured(3), "");
  ops.message(unmeasured(4), "4");
  EXPECT_THAT(verbs(ops.line()), ElementsAre("uids"));
  State state;
  EXPECT_TRUE(state.apply(ops.line()));
  EXPECT_EQ(names_in(state), (std::map<std::uint32_t, std::string>{
                                 {1, "one"}, {2, "a name\twith%\n"}, {3, ""}, {4, "4"}}));
  EXPECT_EQ(state.uid_next, Uid{5});
  EXPECT_EQ(state.last, ModSeq{7});
  EXPECT_TRUE(state.messages.find({2})->flags.has(Flag::Seen));
  EXPECT_EQ(state.messages.find({2})->old, 1U);
  EXPECT_EQ(state.messages.find({3})->old, 0U);
  EXPECT_EQ(state.messages.find({4})->unmeasured, 1U);
  EXPECT_FALSE(state.messages.find({4})->key().is_name);
}

TEST(StateLines, WhatIsNotNextBeginsAnother) {
  Ops ops;
  Entry keyword = unmeasured(13, 8);
  keyword.flags.set_keyword("later");
  Entry measured = unmeasured(15, 8);
  measured.set_measure({100, {}});
  ops.message(unmeasured(1), "one");
  ops.message(unmeasured(11), "gap");
  ops.message(unmeasured(12, 8), "modseq");
  ops.message(keyword, "keyword");
  ops.message(unmeasured(14, 8), "behind");
  ops.message(measured, "measured");
  ops.message(unmeasured(16, 8), "last");
  ops.flags({16}, {8}, {}, false);
  ops.message(unmeasured(17, 8), "other operation between");
  EXPECT_THAT(verbs(ops.line()),
              ElementsAre("uids", "uids", "uids", "uid", "uids", "uid", "uids", "flags", "uids"));
  State state;
  EXPECT_TRUE(state.apply(ops.line()));
  EXPECT_EQ(names_in(state).size(), 8U);
  EXPECT_EQ(names_in(state).at(15), "measured");
  EXPECT_EQ(state.messages.find({15})->size, 100U);
  EXPECT_EQ(state.messages.find({15})->unmeasured, 0U);
  EXPECT_TRUE(state.messages.find({13})->flags.has_keyword("later"));
  EXPECT_EQ(state.messages.find({12})->modseq, ModSeq{8});

  ops.clear();
  ops.message(unmeasured(18, 8), "a line of its own");
  EXPECT_THAT(verbs(ops.line()), ElementsAre("uids"));
}

TEST(StateLines, ATornRowIsAnError) {
  for (const std::string line : {"uids", "uids 1", "uids x 7 one -", "uids 1 7 one"}) {
    State state;
    EXPECT_FALSE(state.apply(line)) << line;
  }
}

// However short the names are.
TEST(StateLines, UidsOfADamagedRowAreNotGivenAgain) {
  log::open("test", log::Sink::Discard);
  MaildirFixture fixture;
  constexpr std::uint32_t kCount = 50;
  const std::string path = fixture.root() + "/tubepost.state";
  {
    StateLog log{path, fixture.clock(), {}};
    const auto guard = expect_ok(log.lock());
    Ops ops;
    for (std::uint32_t uid = 1; uid <= kCount; ++uid) ops.message(unmeasured(uid), "k");
    expect_ok(log.write(ops, true));
  }
  std::string octets = slurp(path);
  octets.at(octets.find("uids")) = 'U';
  spill(path, octets);
  StateLog log{path, fixture.clock(), {}};
  expect_ok(log.catch_up());
  EXPECT_GT(log.state().uid_next, Uid{kCount});
}

// With an index that has the others, and does not have them all read for a few.
TEST(StateLines, ARowBehindAnIndexIsReadMessageByMessage) {
  log::open("test", log::Sink::Discard);
  MaildirFixture fixture;
  const std::string path = fixture.root() + "/tubepost.state";
  const StateLogOptions options{.index_path = fixture.root() + "/tubepost.index"};
  const auto add = [&](std::uint32_t first, std::uint32_t count) {
    StateLog log{path, fixture.clock(), options};
    const auto guard = expect_ok(log.lock());
    Ops ops;
    for (std::uint32_t uid = first; uid < first + count; ++uid) {
      ops.message(unmeasured(uid), "n" + std::to_string(uid));
    }
    expect_ok(log.write(ops, true));
    if (first == 1) expect_ok(log.save_index([](IndexWriter&) {}));
  };
  add(1, 1000);
  add(1001, 10);
  add(900, 3);  // as a row that another program might write anew
  StateLog log{path, fixture.clock(), options};
  expect_ok(log.catch_up());
  EXPECT_FALSE(log.state().messages.is_whole());
  EXPECT_EQ(log.state().messages.size(), 1010U);
  EXPECT_EQ(log.state().messages.counts().unmeasured, 1010U);
  expect_ok(log.load_names());
  EXPECT_EQ(names_in(log.state()).at(1010), "n1010");
  EXPECT_EQ(log.state().messages.size(), 1010U);
}

}  // namespace
}  // namespace mail::store
