#include "libmail/base/faults.h"
#include "libmail/store/maildir/file_name.h"
#include "libmail/store/message_source.h"
#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"

namespace mail::store {
namespace {

INSTANTIATE_TEST_SUITE_P(Maildir, StoreConformance,
                         testing::Values(Implementation{
                             "maildir", [] { return std::make_unique<MaildirFixture>(); }}));

void make_empty(const MaildirFixture& fixture) {
  for (const char* name : {"/new", "/cur", "/tmp"}) {
    std::filesystem::create_directories(fixture.root() + name);
  }
}

using NumberedNames = std::vector<std::pair<std::uint32_t, std::string>>;
NumberedNames names_of(Mailbox& box) {
  NumberedNames names;
  for (const auto& [uid, ids] : expect_ok(box.former_ids())) {
    names.emplace_back(uid.value, ids.file_name);
  }
  return names;
}

TEST(Maildir, TakesDovecotsUidsKeywordsAndForeignFiles) {
  MaildirFixture fixture;
  make_empty(fixture);
  spill(fixture.root() + "/cur/1500000000.M1P1.host,S=9,W=11:2,FSa", "A: 1\n\nx\n");
  spill(fixture.root() + "/new/1500000001.M2P1.host", "B: 2\n\ny\n");
  spill(fixture.root() + "/dovecot-uidlist",
        "3 V1499999999 N43 Gabc\n42 W11 Pold-42 Gguid42 :1500000000.M1P1.host,S=9,W=11\n");
  spill(fixture.root() + "/dovecot-keywords", "0 work\n");
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  const auto messages = all(*box);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(expect_ok(box->status()).uid_validity.value, 1'499'999'999U);
  EXPECT_EQ(messages[0].uid.value, 42U);
  EXPECT_TRUE(messages[0].flags.has(Flag::Seen));
  EXPECT_TRUE(messages[0].flags.has(Flag::Flagged));
  EXPECT_TRUE(messages[0].flags.has_keyword("work"));
  EXPECT_EQ(messages[1].uid.value, 43U);
  EXPECT_FALSE(messages[1].old);
  EXPECT_EQ(body(*box, Uid{43}, View::Wire), "B: 2\r\n\r\ny\r\n");
  EXPECT_EQ(size_of(*box, Uid{43}), 11U);
  EXPECT_THAT(slurp(fixture.root() + "/dovecot-uidlist"),
              testing::HasSubstr("43 :1500000001.M2P1.host\n"));
  const auto former = expect_ok(box->former_ids());
  EXPECT_EQ(former.at(Uid{42}).pop3_uidl, "old-42");
  EXPECT_EQ(former.at(Uid{42}).guid, "guid42");
  EXPECT_EQ(former.at(Uid{42}).file_name, "1500000000.M1P1.host,S=9,W=11");
  EXPECT_EQ(former.at(Uid{43}).pop3_uidl, "");
  EXPECT_EQ(former.at(Uid{43}).guid, "1500000001.M2P1.host");
  // Another program sets a flag and deletes.
  const auto upto = expect_ok(box->since(ModSeq{0})).upto;
  std::filesystem::rename(fixture.root() + "/new/1500000001.M2P1.host",
                          fixture.root() + "/cur/1500000001.M2P1.host:2,RPS");
  std::filesystem::remove(fixture.root() + "/cur/1500000000.M1P1.host,S=9,W=11:2,FSa");
  const auto changes = expect_ok(box->since(upto));
  EXPECT_EQ(changes.vanished, std::vector<Uid>{Uid{42}});
  ASSERT_EQ(changes.messages.size(), 1U);
  EXPECT_TRUE(changes.messages[0].flags.has(Flag::Answered));
  Flags seen;
  seen.set(Flag::Seen);
  expect_ok(box->change(set_flags(Uid{43}, seen)));
  EXPECT_TRUE(std::filesystem::exists(fixture.root() + "/cur/1500000001.M2P1.host:2,PS"));
}

// Its lines in another order than the files, one name twice, one line torn.
TEST(Maildir, TheLastLineOfANameCounts) {
  MaildirFixture fixture;
  make_empty(fixture);
  for (const char* name : {"1.a", "2.b", "3.c", "4.d"}) {
    spill(fixture.root() + "/cur/" + name + ":2,", "A: " + std::string(name) + "\n\nx\n");
  }
  spill(fixture.root() + "/dovecot-uidlist",
        "3 V1499999999 N9\n2 :1.a\n3 :3.c\n5 :2.b:2,S\n7 P1 :1.a\n8 :4.d");
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  EXPECT_EQ(names_of(*box), (NumberedNames{{3, "3.c"}, {5, "2.b"}, {7, "1.a"}, {9, "4.d"}}));
  EXPECT_EQ(expect_ok(box->former_ids()).at(Uid{7}).pop3_uidl, "1");
  EXPECT_EQ(expect_ok(box->status()).uid_next.value, 10U);
}

// UIDs of messages that Dovecot has expunged are never given again.
TEST(Maildir, TheNextUidIsDovecots) {
  MaildirFixture fixture;
  make_empty(fixture);
  spill(fixture.root() + "/cur/1.a:2,", "A: b\n\nx\n");
  spill(fixture.root() + "/dovecot-uidlist", "3 V1499999999 N9\n2 :1.a\n");
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  EXPECT_EQ(expect_ok(box->status()).uid_next.value, 9U);
  spill(fixture.root() + "/new/2.b", "A: b\n\nx\n");
  EXPECT_EQ(all(*box).back().uid.value, 9U);
}

// Damaged, or forged: UIDs given twice, and such as leave no room for more.
TEST(Maildir, AListOfUidsThatCannotBe) {
  MaildirFixture fixture;
  make_empty(fixture);
  for (const char* name : {"1.a", "2.b", "3.c", "4.d", "5.e"}) {
    spill(fixture.root() + "/cur/" + name + ":2,", "A: " + std::string(name) + "\n\nx\n");
  }
  spill(fixture.root() + "/dovecot-uidlist",
        "3 V1499999999 N4294967295\n5 :1.a\n5 :2.b\n6 :3.c\n7 :4.d\n4294967295 :5.e\n");
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  EXPECT_EQ(names_of(*box),
            (NumberedNames{{5, "1.a"}, {6, "3.c"}, {7, "4.d"}, {8, "2.b"}, {9, "5.e"}}));
}

// More than the kernel tells of a directory at a time.
TEST(Maildir, ThousandsOfFilesAreAllListed) {
  MaildirFixture fixture;
  constexpr int kCount = 9000;
  make_empty(fixture);
  for (int i = 0; i < kCount; ++i) {
    const std::string base = std::to_string(1'500'000'000 + i) + ".M1P1Q1.host";
    spill(fixture.root() + (i % 3 == 0 ? "/new/" + base : "/cur/" + base + ":2,S"), "A: b\n\n");
  }
  const auto store = fixture.open();
  const auto messages = all(*expect_ok(store->open("INBOX")));
  ASSERT_EQ(messages.size(), std::size_t{kCount});
  for (int i = 0; i < kCount; ++i) {
    const MessageInfo& info = messages.at(static_cast<std::size_t>(i));
    ASSERT_EQ(info.uid.value, static_cast<std::uint32_t>(i + 1));
    ASSERT_EQ(info.flags.has(Flag::Seen), i % 3 != 0);
  }
}

// A Dovecot that began anew, with other UIDs: ours stay, and so do the unique-ids that it has told.
TEST(Maildir, UniqueIdsOutliveAnotherUidValidity) {
  MaildirFixture fixture;
  make_empty(fixture);
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  spill(fixture.root() + "/cur/1500000000.M1P1.host:2,", "A: 1\n\nx\n");
  ASSERT_EQ(all(*box).size(), 1U);
  spill(fixture.root() + "/dovecot-uidlist",
        "3 V7 N51 Gabc\n50 Ptold-50 Gguid50 :1500000000.M1P1.host\n");
  spill(fixture.root() + "/new/1500000001.M2P1.host", "B: 2\n\ny\n");
  ASSERT_EQ(all(*box).size(), 2U);
  EXPECT_EQ(expect_ok(box->former_ids()).at(Uid{1}).pop3_uidl, "told-50");
  EXPECT_THAT(slurp(fixture.root() + "/dovecot-uidlist"),
              testing::HasSubstr("\n1 Ptold-50 Gguid50 :1500000000.M1P1.host\n2 :"));
}

TEST(Maildir, MessagesOfOneSecondComeInTheOrderOfTheirArrival) {
  MaildirFixture fixture;
  make_empty(fixture);
  const char* const names[] = {"1500000000.1_0.host", "1500000000.M7P1.host",
                               "1500000000.M99P1V2.host", "1500000000.M100P1.host",
                               "1500000000.M5000000000000000000000P1.host",
                               // Beyond what fits beside seconds in one number.
                               "1500000000.M2000000P1.host", "1500000000.M10000000P1.host",
                               "17000000000000000000.M3P1.host", "18000000000000000000.M2P1.host"};
  for (const char* name : names)
    spill(fixture.root() + "/new/" + name, "A: " + std::string(name) + "\n\nx\n");
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  std::vector<std::string> order;
  for (const auto& message : all(*box))
    order.push_back(body(*box, message.uid, View::Wire).substr(3, 16));
  EXPECT_EQ(order,
            (std::vector<std::string>{"1500000000.1_0.h", "1500000000.M5000", "1500000000.M7P1.",
                                      "1500000000.M99P1", "1500000000.M100P", "1500000000.M2000",
                                      "1500000000.M1000", "1700000000000000", "1800000000000000"}));
}

std::vector<std::string> files_in(const std::string& directory) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Of the messages with these UIDs.
Edit set_flag(std::uint32_t first, std::uint32_t last, Flag flag, bool on = true) {
  return [=](const Snapshot& snapshot) {
    std::vector<Change> wishes;
    snapshot.for_each([&](const MessageInfo& info) {
      if (info.uid.value < first || info.uid.value > last) return;
      Flags flags = info.flags;
      flags.set(flag, on);
      wishes.push_back({info.uid, flags, true, false});
    });
    return wishes;
  };
}

// An hour ago: what was changed just now is listed again.
void age(const MaildirFixture& fixture) {
  for (const char* name : {"/cur", "/new"}) {
    const auto now = std::filesystem::file_time_type::clock::now();
    std::filesystem::last_write_time(fixture.root() + name, now - std::chrono::hours(1));
  }
}

void fill(const MaildirFixture& fixture, const std::string& directory, std::size_t count,
          const std::string& end) {
  make_empty(fixture);
  for (std::size_t n = 0; n < count; ++n) {
    const std::string name = std::to_string(1500000000 + n) + ".M1P1.host" + end;
    spill(fixture.root() + directory + "/" + name, "A: 1\n\nx\n");
  }
  age(fixture);
}

std::size_t count_files(const MaildirFixture& fixture, const std::string& directory,
                        const std::string& end) {
  const auto files = files_in(fixture.root() + directory);
  return static_cast<std::size_t>(std::count_if(
      files.begin(), files.end(), [&](const std::string& path) { return path.ends_with(end); }));
}

// What somebody waits for is that they are durable; a pause of his is long enough for the renames.
TEST(Maildir, ManyFlagsAreAcknowledgedBeforeTheFilesAreRenamed) {
  constexpr std::size_t kCount = 150;
  for (const std::string how : {"settled", "folded", "expunged", "killed"}) {
    MaildirFixture fixture;
    fill(fixture, "/new", kCount, "");
    const auto count = [&](const std::string& directory, const std::string& end) {
      return count_files(fixture, directory, end);
    };
    {
      const auto store = fixture.open();
      const auto box = expect_ok(store->open("INBOX"));
      expect_ok(box->status());
      const auto flag = [&] {
        EXPECT_EQ(expect_ok(box->change(set_flag(1, kCount, Flag::Flagged))).messages.size(),
                  kCount)
            << how;
      };
      EXPECT_EQ(calls("fsync", flag), 1U) << how;
      EXPECT_EQ(count("/new", "host"), kCount) << how;
      if (how == "folded") expect_ok(box->fold());
      if (how == "expunged") {
        expect_ok(box->change([&](const Snapshot& snapshot) {
          std::vector<Change> wishes;
          snapshot.for_each([&](const MessageInfo& info) {
            wishes.push_back({info.uid, std::nullopt, false, true});
          });
          return wishes;
        }));
      }
      EXPECT_EQ(box->is_unsettled(), how == "settled" || how == "killed") << how;
      if (how == "settled") {
        EXPECT_EQ(body(*box, all(*box).at(7).uid, View::Wire), "A: 1\r\n\r\nx\r\n");
        EXPECT_EQ(count("/new", "host"), kCount) << how;
        box->settle();
        EXPECT_FALSE(box->is_unsettled());
        EXPECT_EQ(body(*box, all(*box).at(7).uid, View::Wire), "A: 1\r\n\r\nx\r\n");
      }
    }
    if (how != "killed") {
      EXPECT_EQ(count("/cur", ":2,F"), how == "expunged" ? 0 : kCount) << how;
    }
    const auto store = fixture.open();
    const auto messages = all(*expect_ok(store->open("INBOX")));
    EXPECT_EQ(messages.size(), how == "expunged" ? 0 : kCount) << how;
    for (const auto& message : messages) EXPECT_TRUE(message.flags.has(Flag::Flagged)) << how;
    EXPECT_EQ(count("/cur", ":2,F"), how == "expunged" ? 0 : kCount) << how;
  }
}

// What one has left for a pause, the other does when it looks; and what the other has left is
// learned before the first changes a message of it.
TEST(Maildir, TwoSessionsThatHaveLeftManyRenames) {
  constexpr std::uint32_t kCount = 400;
  for (const bool other_first : {false, true}) {
    MaildirFixture fixture;
    fill(fixture, "/cur", kCount, ":2,");
    const auto store = fixture.open();
    const auto others = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    const auto other = expect_ok(others->open("INBOX"));
    expect_ok(box->status());
    expect_ok(other->status());
    expect_ok(box->change(set_flag(1, 200, Flag::Flagged)));
    EXPECT_TRUE(box->is_unsettled());
    expect_ok(other->status());
    EXPECT_EQ(count_files(fixture, "/cur", ":2,F"), 200U);
    age(fixture);
    expect_ok(other->status());
    expect_ok(other->change(set_flag(201, 400, Flag::Flagged)));
    expect_ok(box->change(set_flag(300, 300, Flag::Deleted)));
    expect_ok(box->change(set_flag(300, 300, Flag::Deleted, false)));
    if (other_first) other->settle();
    box->settle();
    other->settle();
    for (const auto& message : all(*box)) EXPECT_TRUE(message.flags.has(Flag::Flagged));
    for (const auto& message : all(*other)) EXPECT_TRUE(message.flags.has(Flag::Flagged));
    EXPECT_EQ(count_files(fixture, "/cur", ":2,F"), kCount);
  }
}

// The first `count` messages have a flag that their files do not have yet.
std::unique_ptr<Mailbox> open_unsettled(MailStore& store, std::uint32_t count, Flag flag) {
  auto box = expect_ok(store.open("INBOX"));
  expect_ok(box->status());
  expect_ok(box->change(set_flag(1, count, flag)));
  EXPECT_TRUE(box->is_unsettled());
  return box;
}

// Another program that has moved the files meanwhile is met as at any time.
TEST(Maildir, FilesThatAreMovedBeforeTheyAreRenamed) {
  constexpr std::uint32_t kCount = 150;
  MaildirFixture fixture;
  fill(fixture, "/new", kCount, "");
  const auto store = fixture.open();
  const auto box = open_unsettled(*store, kCount, Flag::Answered);
  const auto files = files_in(fixture.root() + "/new");
  for (std::size_t n = 0; n < 100; ++n) {
    const std::string base = std::filesystem::path(files.at(n)).filename();
    std::filesystem::rename(files.at(n), fixture.root() + "/cur/" + base + ":2,");
  }
  std::filesystem::remove(files.at(120));
  box->settle();
  EXPECT_EQ(all(*box).size(), kCount - 1);
  for (const auto& message : all(*box)) {
    EXPECT_TRUE(message.flags.has(Flag::Answered)) << message.uid.value;
    EXPECT_EQ(body(*box, message.uid, View::Wire), "A: 1\r\n\r\nx\r\n");
  }
  EXPECT_EQ(count_files(fixture, "/cur", ":2,R"), kCount - 1);
}

// Nobody who pauses waits for a lock; but for a second at most other programs see nothing.
TEST(Maildir, ALockInAPauseIsTriedAgainAndATimeIsEnough) {
  constexpr std::uint32_t kCount = 150;
  MaildirFixture fixture;
  fill(fixture, "/new", kCount, "");
  const auto store = fixture.open();
  const auto box = open_unsettled(*store, kCount, Flag::Seen);
  {
    StateLog log{fixture.root() + "/tubepost.state", fixture.clock(), {}};
    const auto guard = expect_ok(log.lock());
    box->settle();
    EXPECT_TRUE(box->is_unsettled());
  }
  expect_ok(box->status());
  EXPECT_TRUE(box->is_unsettled());
  fixture.clock().advance(std::chrono::seconds(2));
  expect_ok(box->status());
  EXPECT_FALSE(box->is_unsettled());
  EXPECT_EQ(count_files(fixture, "/cur", ":2,S"), kCount);
}

TEST(Maildir, CopiesAreLinksToTheSameFile) {
  for (const bool wanted : {true, false}) {
    MaildirFixture fixture;
    fixture.settings().copy_with_hardlinks = wanted;
    const auto store = fixture.open();
    expect_ok(store->create("target"));
    const auto inbox = expect_ok(store->open("INBOX"));
    AppendOptions options;
    options.flags.set(Flag::Seen);
    options.flags.set_keyword("work");
    options.internal_date = WallTime{std::chrono::seconds{1'502'794'926}};
    add(*inbox, "A: 1\n\nx\n", options);
    spill(fixture.root() + "/new/1500000001.M2P1.host", "B: 2\r\n\r\ny\r\n");
    const auto infos = all(*inbox);
    const auto target = expect_ok(store->open("target"));
    const auto uids = expect_ok(append_copies(*inbox, infos, *target));
    ASSERT_EQ(uids.size(), 2U);
    const auto copies = all(*target);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(copies[i].uid, uids[i]);
      EXPECT_EQ(copies[i].flags, infos[i].flags);
      EXPECT_EQ(measured(*target, uids[i]), measured(*inbox, infos[i].uid));
      EXPECT_EQ(body(*target, uids[i], View::Wire), body(*inbox, infos[i].uid, View::Wire));
    }
    const std::string box = fixture.root() + "/.target";
    ASSERT_EQ(files_in(box + "/cur").size(), 1U);
    ASSERT_EQ(files_in(box + "/new").size(), 1U);
    EXPECT_TRUE(files_in(box + "/tubepost-prepared").empty());
    EXPECT_EQ(std::filesystem::hard_link_count(files_in(box + "/cur")[0]), wanted ? 2U : 1U);
    EXPECT_EQ(std::filesystem::hard_link_count(files_in(box + "/new")[0]), wanted ? 2U : 1U);
    // Sizes on disk and on the wire, whoever gave the first name.
    EXPECT_THAT(files_in(box + "/cur")[0], testing::HasSubstr(",S=8,W=11:2,"));
    EXPECT_THAT(files_in(box + "/new")[0], testing::EndsWith(wanted ? ",S=11,W=11" : ",S=8,W=11"));
    // One of them goes, the other stays.
    expect_ok(inbox->change(expunge({infos[0].uid, infos[1].uid})));
    EXPECT_EQ(body(*target, uids[0]), "A: 1\n\nx\n");
  }
}

TEST(Maildir, WhatCannotBeLinkedIsWritten) {
  MaildirFixture fixture;
  const auto store = fixture.open();
  expect_ok(store->create("target"));
  const auto inbox = expect_ok(store->open("INBOX"));
  const auto target = expect_ok(store->open("target"));
  add(*inbox, "A: 1\n\nx\n");
  const auto infos = all(*inbox);
  measured(*inbox, infos[0].uid);
  // Another program has given the file another time: the copy has the INTERNALDATE that was told.
  std::filesystem::last_write_time(
      files_in(fixture.root() + "/new")[0],
      std::filesystem::file_time_type::clock::now() - std::chrono::hours(30));
  expect_ok(append_copies(*inbox, infos, *target));
#ifdef TUBEPOST_FAULTS
  faults::arm("link:1:EIO");
  expect_ok(append_copies(*target, all(*target), *target));
  faults::arm("");
#endif
  for (const auto& copy : all(*target)) {
    EXPECT_EQ(measured(*target, copy.uid), measured(*inbox, infos[0].uid));
    EXPECT_EQ(body(*target, copy.uid), "A: 1\n\nx\n");
  }
  for (const auto& path : files_in(fixture.root() + "/.target/new")) {
    EXPECT_EQ(std::filesystem::hard_link_count(path), 1U);
  }
}

TEST(Maildir, KnowsItsOwnNames) {
  using maildir::is_made_by_us;
  EXPECT_TRUE(is_made_by_us("1500000000.M1P2Q3.host.example,S=1,W=2"));
  for (const char* other :
       {"", "1500000000.M1P2Q3.host", "1500000000.M1P2.host,S=1,W=2", "1500000000.M1P2Q3,S=1,W=2",
        "1500000000.M1P2Q3.host,S=1,W=2,X", "1500000000.M1P2Q3.host,W=1,S=2", "a.M1P2Q3.h,S=1,W=2",
        "1500000000.M1P2Q3.host,S=1,W="}) {
    EXPECT_FALSE(is_made_by_us(other)) << other;
  }
}

// Dovecot reads dovecot-keywords again when its time is another second's, and a name tells all.
TEST(Maildir, AKeywordHasItsLetterBeforeAMessageHasIt) {
  MaildirFixture fixture;
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  const std::string path = fixture.root() + "/dovecot-keywords";
  const auto time_of = [&] {
    struct ::stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mtim.tv_sec;
  };
  AppendOptions options;
  options.flags.set_keyword("work");
  add(*box, "A: 1\n\nx\n", options);
  EXPECT_THAT(files_in(fixture.root() + "/cur")[0], testing::EndsWith(":2,a"));
  EXPECT_EQ(slurp(path), "0 work\n");
  const auto before = time_of();
  // What Dovecot has added meanwhile stays.
  spill_behind(path, "1 home\n");
  Flags flags;
  flags.set_keyword("garden");
  expect_ok(box->change(set_flags(all(*box)[0].uid, flags)));
  EXPECT_EQ(slurp(path), "0 work\n1 home\n2 garden\n");
  EXPECT_GT(time_of(), before);
  EXPECT_THAT(files_in(fixture.root() + "/cur")[0], testing::EndsWith(":2,c"));
}

// From a backup, days later: it is a message again, and another one.
TEST(Maildir, AnExpungedMessageThatIsRestoredIsNew) {
  MaildirFixture fixture;
  for (const bool is_open_meanwhile : {true, false}) {
    auto store = fixture.open();
    auto box = expect_ok(store->open("INBOX"));
    const Uid first = add(*box, "A: 1\n\nx\n");
    const std::string file =
        fixture.root() + "/new/" + expect_ok(box->former_ids()).at(first).file_name;
    expect_ok(box->change(expunge({first})));
    EXPECT_FALSE(std::filesystem::exists(file));
    if (!is_open_meanwhile) {
      box.reset();
      store = fixture.open();
      box = expect_ok(store->open("INBOX"));
    }
    spill(file, "A: 1\n\nx\n");
    const auto now = all(*box);
    ASSERT_EQ(now.size(), 1U);
    EXPECT_GT(now.front().uid, first);
    expect_ok(box->change(expunge({now.front().uid})));
    EXPECT_TRUE(all(*box).empty());
  }
}

TEST(Maildir, AHeldUidListLockIsInUse) {
  MaildirFixture fixture;
  std::filesystem::create_directories(fixture.root() + "/new");
  spill(fixture.root() + "/dovecot-uidlist.lock", "1234:host");
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  EXPECT_EQ(box->since(ModSeq{0}).error().code, Errc::InUse);
  std::filesystem::remove(fixture.root() + "/dovecot-uidlist.lock");
  EXPECT_TRUE(all(*box).empty());
}

}  // namespace
}  // namespace mail::store
