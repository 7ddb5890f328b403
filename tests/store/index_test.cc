// The index is disposable: whatever is wrong with it costs one rebuild, and nothing else.
#include "libmail/store/index.h"

#include <unistd.h>

#include <random>

#include "libmail/base/log.h"
#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"

namespace mail::store {
namespace {

constexpr std::size_t kPage = 4096;
constexpr int kMessages = 450;  // some ten pages
constexpr int kDamages = 300;

struct Place {
  std::unique_ptr<Fixture> fixture;
  std::string index, log;
};

Place mbox_place() {
  auto fixture = std::make_unique<MboxFixture>();
  const std::string log = fixture->home() + "/mail/.imap/.tubepost/INBOX.state";
  return {std::move(fixture), log + ".index", log};
}

Place maildir_place() {
  auto fixture = std::make_unique<MaildirFixture>();
  const std::string root = fixture->root();
  return {std::move(fixture), root + "/tubepost.index", root + "/tubepost.state"};
}

struct IndexCase {
  std::string name;
  Place (*make)();
};
void PrintTo(const IndexCase& format, std::ostream* os) { *os << format.name; }

std::string text_of(int n) {
  return "Subject: " + std::to_string(n) + "\n\n" + std::string(static_cast<std::size_t>(n), 'x') +
         "\nend of " + std::to_string(n) + "\n";
}

class IndexOf : public testing::TestWithParam<IndexCase> {
 protected:
  void SetUp() override {
    log::open("test", log::Sink::Discard);
    place_ = GetParam().make();
  }
  // Beside what was there before.
  void fill(int first, int count) {
    std::vector<NewMessage> messages;
    for (int n = first; n < first + count; ++n) {
      Flags flags;
      flags.set(Flag::Seen, n % 2 == 0);
      if (n % 7 == 0) flags.set_keyword("$Work" + std::to_string(n % 3));
      messages.push_back(new_message(text_of(n), flags));
    }
    const auto box = open();
    expect_ok(box->append_all(messages));
    // A session sees them, so that there is something to fold.
    expect_ok(box->change([](const Snapshot& snapshot) {
      std::vector<Change> seen;
      snapshot.for_each([&](const MessageInfo& info) {
        seen.push_back({info.uid, std::nullopt, true});
      });
      return seen;
    }));
    expect_ok(box->fold());
  }
  std::unique_ptr<Mailbox> open() {
    stores_.push_back(place_.fixture->open());
    return expect_ok(stores_.back()->open("INBOX"));
  }
  // What any reader must see.
  void expect_whole(Mailbox& box) {
    const auto now = all(box);
    ASSERT_EQ(now.size(), expected_.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
      ASSERT_EQ(now.at(i), expected_.at(i))
          << i << ": " << int{now.at(i).flags.system} << " " << now.at(i).old << " "
          << testing::PrintToString(now.at(i).flags.keywords.words()) << now.at(i).modseq.value
          << " instead of " << int{expected_.at(i).flags.system} << " " << expected_.at(i).old
          << " " << testing::PrintToString(expected_.at(i).flags.keywords.words())
          << expected_.at(i).modseq.value;
    }
    for (int i = 0; i < 3; ++i) {
      const std::size_t n = random_() % expected_.size();
      const std::string wire = to_wire(text_of(static_cast<int>(n)));
      EXPECT_EQ(body(box, expected_.at(n).uid, View::Wire), wire);
      EXPECT_EQ(size_of(box, expected_.at(n).uid), wire.size());
    }
    const auto status = expect_ok(box.status());
    EXPECT_EQ(status.uid_next.value, expected_.back().uid.value + 1);
    EXPECT_EQ(status.highest_modseq, highest_);
  }
  std::string damaged(std::string octets, const std::string& older) {
    const auto page = [&](const std::string& of) {
      return random_() % (of.size() / kPage) * kPage;
    };
    switch (random_() % 9) {
      case 0:
        return octets.substr(0, random_() % octets.size());
      case 1:
        for (std::size_t i = 0, at = page(octets); i < kPage; ++i) {
          octets.at(at + i) = static_cast<char>(random_());
        }
        return octets;
      case 2:
        octets.at(random_() % octets.size()) ^= static_cast<char>(1U << (random_() % 8));
        return octets;
      case 3: {
        const std::size_t a = page(octets);
        const std::size_t b = page(octets);
        std::swap_ranges(octets.begin() + static_cast<std::ptrdiff_t>(a),
                         octets.begin() + static_cast<std::ptrdiff_t>(a + kPage),
                         octets.begin() + static_cast<std::ptrdiff_t>(b));
        return octets;
      }
      case 4:
        return octets.replace(page(octets), kPage, kPage, '\0');
      case 5:
        return older;
      case 6:
        return octets + std::string(1 + random_() % (2 * kPage), 'j');
      case 7: {  // a page of another index of this mailbox, at its own place
        const std::size_t at = page(older);
        return octets.replace(at, kPage, older, at, kPage);
      }
      default:
        return {};
    }
  }

  Place place_;
  std::vector<std::unique_ptr<MailStore>> stores_;
  std::mt19937 random_{20261128};
  std::vector<MessageInfo> expected_;
  ModSeq highest_;
};

TEST_P(IndexOf, AnyDamageCostsOneRebuild) {
  fill(0, kMessages / 2);
  const std::string older = slurp(place_.index);
  ASSERT_GT(older.size(), 2 * kPage);
  fill(kMessages / 2, kMessages - kMessages / 2);
  expected_ = all(*open());
  ASSERT_EQ(expected_.size(), static_cast<std::size_t>(kMessages));
  highest_ = expect_ok(open()->status()).highest_modseq;
  int rebuilt = 0;
  for (int i = 0; i < kDamages && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    stores_.clear();
    const std::string whole = slurp(place_.index);
    ASSERT_GT(whole.size(), 5 * kPage);
    const auto session = open();  // has begun to use it
    all(*session);
    const auto waiting = open();  // has read none of the messages
    expect_ok(waiting->status());
    spill(place_.index, damaged(whole, older));
    expect_whole(*session);
    expect_whole(*waiting);
    if (i % 3 == 0) std::filesystem::remove(place_.index);
    const auto box = open();
    expect_whole(*box);
    if (i % 10 == 0) {
      MessageInfo& info = expected_.at(random_() % expected_.size());
      info.flags.set(Flag::Flagged, !info.flags.has(Flag::Flagged));
      const auto changes = expect_ok(box->change([&](const Snapshot&) {
        return std::vector<Change>{{info.uid, info.flags, true, false}};
      }));
      ASSERT_EQ(changes.messages.size(), 1U);
      EXPECT_GT(changes.messages[0].modseq, highest_);
      info = changes.messages[0];
      highest_ = info.modseq;
      expect_ok(box->fold());
      expect_whole(*box);
      highest_ = expect_ok(box->status()).highest_modseq;
    }
    if (Index::open(place_.index)) ++rebuilt;
    if (!Index::open(place_.index)) spill(place_.index, whole);
  }
  EXPECT_GT(rebuilt, kDamages / 2);
}

TEST_P(IndexOf, IsOfUseAndSaysTheSame) {
  fill(0, kMessages);
  const auto before = all(*open());
  const std::string log = slurp(place_.log);
  const auto index = Index::open(place_.index);
  ASSERT_TRUE(index);
  EXPECT_GT(index->header().log.offset, log.size() - 16UL * 1024);
  // Where the index is believed, the log before it is not read: nobody sees that it is broken.
  std::string broken = log;
  broken.replace(100, 30, 30, '#');
  spill(place_.log, broken);
  EXPECT_EQ(all(*open()), before);
  EXPECT_EQ(slurp(place_.log), broken);
}

// Whatever the log has behind the index: numbers that come from its head and that tail are those of
// the messages.
TEST_P(IndexOf, StatusIsRightWithoutTheMessages) {
  fill(0, kMessages);
  for (int i = 0; i < 80 && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    stores_.clear();
    const auto expected = all(*open());
    if (i > 0) {
      const auto box = open();
      const Uid uid = expected.at(random_() % expected.size()).uid;
      const auto first_unseen = std::find_if(
          expected.begin(), expected.end(), [](const auto& m) { return !m.flags.has(Flag::Seen); });
      Flags flags;
      flags.set(Flag::Seen, random_() % 2 == 0);
      if (random_() % 9 == 0) flags.set_keyword("$New" + std::to_string(i));
      switch (random_() % 5) {
        case 0:
          expect_ok(box->append_all(std::vector{new_message(text_of(i), flags)}));
          break;
        case 1:
          expect_ok(box->change([&](const Snapshot&) {
            return std::vector<Change>{{uid, std::nullopt, false, true}};
          }));
          break;
        case 2:
          if (first_unseen == expected.end()) break;
          flags.set(Flag::Seen);
          expect_ok(box->change([&](const Snapshot&) {
            return std::vector<Change>{{first_unseen->uid, flags, false, false}};
          }));
          break;
        default:
          expect_ok(box->change([&](const Snapshot&) {
            return std::vector<Change>{{uid, flags, random_() % 2 == 0, false}};
          }));
      }
    }
    const auto reader = open();
    const auto status = expect_ok(reader->status());
    const auto now = all(*open());
    std::size_t recent = 0;
    std::size_t unseen = 0;
    std::optional<std::size_t> first_unseen;
    for (std::size_t n = 0; n < now.size(); ++n) {
      if (!now.at(n).old) ++recent;
      if (!now.at(n).flags.has(Flag::Seen) && unseen++ == 0) first_unseen = n;
      for (const auto& keyword : now.at(n).flags.keywords) {
        EXPECT_TRUE(status.keywords.contains(keyword)) << keyword;
      }
    }
    EXPECT_EQ(status.messages, now.size());
    EXPECT_EQ(status.recent, recent);
    EXPECT_EQ(status.unseen, unseen);
    EXPECT_EQ(status.first_unseen, first_unseen);
    EXPECT_EQ(all(*reader), now);
    if (i % 8 != 0) continue;
    std::uint64_t octets = 0;
    for (const MessageInfo& info : now) octets += size_of(*reader, info.uid);
    EXPECT_EQ(status.octets.value_or(octets), octets);
    EXPECT_EQ(expect_ok(reader->status()).octets, octets);
  }
}

// Neither the messages nor what the index says of them.
TEST_P(IndexOf, StatusOfAKnownMailboxReadsLittle) {
  const auto reads = [&] { return calls("read", [&] { expect_ok(open()->status()); }); };
  fill(0, 50);
  const auto few = reads();
  fill(50, 10 * kMessages);
  all(*open());
  EXPECT_LE(reads(), few + 20);
}

TEST_P(IndexOf, OfAnotherLogIsNotBelieved) {
  fill(0, kMessages);
  const std::string index = slurp(place_.index);
  const std::string log = slurp(place_.log);
  const auto before = all(*open());
  std::filesystem::remove(place_.log);
  spill(place_.log, log.substr(0, log.size() / 2));
  spill(place_.index, index);
  // A shorter log has been found: what it does not say is looked for in the mailbox.
  EXPECT_EQ(bodies(*open()).size(), before.size());
}

TEST_P(IndexOf, TwoProcessesMayWriteItAtOnce) {
  fill(0, kMessages);
  expected_ = all(*open());
  highest_ = expect_ok(open()->status()).highest_modseq;
  for (int i = 0; i < 20 && !HasFailure(); ++i) {
    stores_.clear();
    std::filesystem::remove(place_.index);
    const auto one = open();
    const auto other = open();
    expect_whole(*one);
    spill(place_.index + ".new", "another's, half written");
    expect_whole(*other);
    expect_whole(*open());
  }
}

INSTANTIATE_TEST_SUITE_P(Store, IndexOf,
                         testing::Values(IndexCase{"mbox", mbox_place},
                                         IndexCase{"maildir", maildir_place}),
                         [](const auto& one) { return one.param.name; });

class IndexOfLargeMbox : public testing::Test {
 protected:
  static constexpr std::uint32_t kMany = 1500;  // 6 MB: reading it all takes 24 reads more
  static constexpr std::size_t kFew = 40;

  void SetUp() override {
    log::open("test", log::Sink::Discard);
    std::vector<NewMessage> messages;
    for (std::uint32_t n = 1; n <= kMany; ++n) messages.push_back(new_message(text(n)));
    const auto box = open();
    expect_ok(box->append_all(messages));
    expect_ok(box->fold());
    flag({3}, true);    // the first time makes room for flags, and moves what lies behind
    ::usleep(120'000);  // until its times hide nothing
    index_ = slurp(index_path());
    ASSERT_FALSE(index_.empty());
  }
  static std::string text(std::uint32_t n) {
    return "Subject: " + std::to_string(n) + "\n\n" + std::string(3960, 'x') + "\n";
  }
  std::unique_ptr<Mailbox> open() {
    stores_.push_back(fixture_.open());
    return expect_ok(stores_.back()->open("INBOX"));
  }
  void flag(Uid uid, bool on) {
    const auto box = open();
    expect_ok(box->change([&](const Snapshot& snapshot) {
      Flags flags = snapshot.find(uid)->flags;
      flags.set(Flag::Flagged, on);
      return std::vector<Change>{{uid, flags}};
    }));
    expect_ok(box->fold());
  }
  void expect_flag(Mailbox& box, std::uint32_t uid, bool on) {
    const auto now = all(box);
    ASSERT_GE(now.size(), kMany);
    EXPECT_EQ(now.at(uid - 1).flags.has(Flag::Flagged), on);
    EXPECT_EQ(body(box, {uid}, View::Wire), to_wire(text(uid)));
    EXPECT_EQ(body(box, {kMany}, View::Wire), to_wire(text(kMany)));
  }
  [[nodiscard]] std::string index_path() const {
    return fixture_.home() + "/mail/.imap/.tubepost/INBOX.state.index";
  }

  MboxFixture fixture_;
  std::vector<std::unique_ptr<MailStore>> stores_;
  std::string index_;
};

TEST_F(IndexOfLargeMbox, StaysWhereFlagsAreWrittenInPlace) {
  const auto session = open();
  expect_flag(*session, 3, true);
  for (const bool on : {false, true, false}) {
    EXPECT_LT(calls("read", [&] { flag({3}, on); }), kFew);
    EXPECT_EQ(slurp(index_path()), index_);
    EXPECT_EQ(slurp(fixture_.inbox()).find("X-Status: F") != std::string::npos, on);
    EXPECT_LT(calls("read", [&] { expect_flag(*open(), 3, on); }), kFew);
    EXPECT_LT(calls("read", [&] { expect_flag(*session, 3, on); }), kFew);  // has the same index
  }
}

// Its times may hide a change of the moment before: the next session looks, and tells the others.
TEST_F(IndexOfLargeMbox, AYoungFileIsLookedAtOnceMore) {
  flag({3}, false);
  ::usleep(120'000);
  const std::string log = index_path().substr(0, index_path().rfind('.'));
  const auto octets_told = [&] {
    const auto before = std::filesystem::file_size(log);
    EXPECT_LT(calls("read", [&] { expect_ok(open()->status()); }), kFew);
    return std::filesystem::file_size(log) - before;
  };
  EXPECT_GT(octets_told(), 0U);
  EXPECT_EQ(octets_told(), 0U);
  expect_flag(*open(), 3, false);
}

TEST_F(IndexOfLargeMbox, WhatOthersDoBeforeAndBehindIsSeen) {
  const auto session = open();
  all(*session);
  // Grown since the index: what a fold in place tells of it is not enough.
  spill_behind(fixture_.inbox(),
               "From a@b Sat Aug 15 19:02:06 2020\nSubject: new\n\nfrom procmail\n\n");
  flag({3}, false);
  expect_flag(*session, 3, false);
  EXPECT_EQ(all(*open()).size(), kMany + 1);
  EXPECT_EQ(body(*open(), {kMany + 1}, View::Wire), to_wire("Subject: new\n\nfrom procmail\n"));
  flag({3}, true);
  // Altered in the middle, with the length kept, after such a fold.
  ::usleep(20'000);
  std::string octets = slurp(fixture_.inbox());
  octets.replace(octets.find("Subject: 1200\n"), 14, "Subject: 9999\n");
  spill(fixture_.inbox(), octets);
  const auto reader = open();
  for (Mailbox* const box : {reader.get(), session.get()}) {
    const auto now = all(*box);
    EXPECT_EQ(now.size(), kMany + 1);
    EXPECT_EQ(now.back().uid.value, kMany + 2);  // the altered one is another
  }
}

TEST(Index, NoneIsNeeded) {
  TemporaryHome home;
  Settings settings;
  for (const std::string& index : {std::string("MEMORY"), std::string("/dev/null/nowhere")}) {
    SCOPED_TRACE(index);
    const std::string root = home.path() + "/" + std::to_string(index.size());
    const auto mboxes = [&] {
      return std::make_unique<mbox::MboxMailStore>(
          Location{Format::Mbox, root + "/mail", root + "/inbox", index, {}, "fs"}, std::string{},
          settings);
    };
    const auto maildirs = [&] {
      return std::make_unique<maildir::MaildirMailStore>(
          Location{Format::Maildir, root + "/M", root + "/M", index, {}, "Maildir++"}, settings);
    };
    for (const std::function<std::unique_ptr<MailStore>()>& make :
         {std::function<std::unique_ptr<MailStore>()>(mboxes),
          std::function<std::unique_ptr<MailStore>()>(maildirs)}) {
      std::vector<NewMessage> messages;
      for (int n = 0; n < kMessages; ++n) messages.push_back(new_message(text_of(n)));
      auto store = make();
      const auto box = expect_ok(store->open("INBOX"));
      expect_ok(box->append_all(messages));
      expect_ok(box->fold());
      store = make();
      EXPECT_EQ(all(*expect_ok(store->open("INBOX"))), all(*box));
    }
  }
}

}  // namespace
}  // namespace mail::store
