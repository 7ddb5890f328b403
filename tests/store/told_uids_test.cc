// UIDs, UIDVALIDITY and keywords in an mbox that a Dovecot uses too.
#include "libmail/message/from_line.h"
#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"

namespace mail::store {
namespace {

using testing::HasSubstr;
using Uids = std::vector<std::uint32_t>;

const std::string kFrom = "From ann@example.org  Sat Aug 15 19:02:06 2017\n";

class ToldUids : public testing::Test {
 protected:
  // Where Dovecot has its indexes.
  void SetUp() override {
    std::filesystem::create_directories(fixture_.home() + "/mail/.imap/INBOX");
  }
  std::unique_ptr<Mailbox> open() {
    stores_.push_back(fixture_.open());
    return expect_ok(stores_.back()->open("INBOX"));
  }
  std::string file() const { return slurp(fixture_.inbox()); }
  void put(const std::string& octets) { spill(fixture_.inbox(), octets); }
  static Uids uids(Mailbox& box) {
    Uids found;
    for (const auto& info : all(box)) found.push_back(info.uid.value);
    return found;
  }
  static std::string validity(Mailbox& box) {
    return std::to_string(expect_ok(box.status()).uid_validity.value);
  }

  MboxFixture fixture_;
  std::vector<std::unique_ptr<MailStore>> stores_;
};

TEST_F(ToldUids, AreWrittenAtTheEndOfASession) {
  put(kFrom + "A: 1\n\none\n\n" + kFrom + "B: 2\n\ntwo\n\n");
  const auto box = open();
  const auto messages = all(*box);
  expect_ok(box->fold());
  const std::string first =
      kFrom + "X-IMAPbase: " + validity(*box) + " 0000000002\nA: 1\nX-UID: 1\n";
  EXPECT_EQ(file(), first + "\none\n\n" + kFrom + "B: 2\nX-UID: 2\n\ntwo\n\n");
  const std::string once = file();
  expect_ok(box->fold());
  EXPECT_EQ(file(), once);
  // The highest one in place, though the message is gone; the others are not touched.
  add(*box, "C: 3\n\nthree\n");
  expect_ok(box->change(expunge({Uid{3}})));
  expect_ok(box->fold());
  EXPECT_THAT(file(), HasSubstr(validity(*box) + " 0000000003\n"));
  // The first takes its field along: the next one gets it, before its X-UID.
  expect_ok(box->change(expunge({messages[0].uid})));
  expect_ok(box->fold());
  EXPECT_EQ(file(),
            kFrom + "X-IMAPbase: " + validity(*box) + " 0000000003\nB: 2\nX-UID: 2\n\ntwo\n\n");
  EXPECT_EQ(uids(*open()), Uids{2});
}

TEST_F(ToldUids, NothingIsWrittenWhereNoDovecotIs) {
  std::filesystem::remove_all(fixture_.home() + "/mail/.imap");
  put(kFrom + "A: 1\n\none\n\n");
  const auto box = open();
  EXPECT_EQ(uids(*box), Uids{1});
  expect_ok(box->fold());
  EXPECT_EQ(file(), kFrom + "A: 1\n\none\n\n");
  // Our own state logs lie there too.
  add(*box, "B: 2\n\ntwo\n");
  EXPECT_TRUE(std::filesystem::exists(fixture_.home() + "/mail/.imap/.tubepost"));
  EXPECT_THAT(file(), testing::Not(HasSubstr("X-UID")));
}

// Thousands of mailboxes are thousands of directories there.
TEST_F(ToldUids, ADovecotIsLookedForOnce) {
  for (int i = 0; i < 100; ++i) {
    std::filesystem::create_directories(fixture_.home() + "/mail/.imap/" + std::to_string(i));
  }
  const auto listings = [](const std::function<void()>& work) { return calls("opendir", work); };
  const auto box = open();
  AppendOptions delivery;
  EXPECT_EQ(listings([&] {
              for (const char* id : {"one", "two", "three"}) {
                delivery.delivery_id = id;
                add(*box, "A: 1\n\none\n", delivery);
              }
              add(*box, "B: 2\n\ntwo\n");
              expect_ok(stores_.back()->create("other"));
              add(*expect_ok(stores_.back()->open("other")), "B: 2\n\ntwo\n");
              expect_ok(box->fold());
            }),
            1U);  // 13, each of all names, until 2026-11-28
}

TEST_F(ToldUids, FlagsAndUidsOfAnAppendStandThereAtOnce) {
  AppendOptions options;
  options.flags.set(Flag::Seen);
  options.flags.set_keyword("work");
  add(*open(), "A: 1\n\none\n", options);
  EXPECT_THAT(file(), HasSubstr(" 0000000001 work\nX-UID: 1\nStatus: R\nX-Keywords: work\nA: 1\n"));
}

// What Dovecot gives to messages that it sees first, ours or not, is taken over.
TEST_F(ToldUids, DovecotsAreTakenOver) {
  put(kFrom + "A: 1\n\none\n\n");
  const auto box = open();
  expect_ok(box->fold());
  const std::string base = "X-IMAPbase: " + validity(*box) + " ";
  put(kFrom + base + "0000000009\nA: 1\nX-UID: 1   \n\none\n\n" + kFrom +
      "B: 2\nX-UID: 7   \n\ntwo\n\n" + kFrom + "C: 3\n\nthree\n\n");
  EXPECT_EQ(uids(*box), (Uids{1, 7, 10}));  // Dovecot too gives the next one above the highest
  EXPECT_EQ(expect_ok(box->status()).uid_next.value, 11U);
  // One that is told anew, above all that we have given, has another UID from now on.
  put(kFrom + base + "0000000012\nA: 1\nX-UID: 12   \n\none\n\n");
  EXPECT_EQ(uids(*box), Uids{12});
  // None above the highest it has given: anybody may send such a field.
  put(file() + kFrom + "D: 4\nX-UID: 4000000000\n\nfour\n\n");
  EXPECT_EQ(uids(*box), (Uids{12, 13}));
}

// Two equal messages, of which another program takes the first away.
TEST_F(ToldUids, TellEqualMessagesApart) {
  put(kFrom + "A: 1\n\none\n\n" + kFrom + "A: 1\n\none\n\n");
  const auto box = open();
  EXPECT_EQ(uids(*box), (Uids{1, 2}));
  const std::string base = "X-IMAPbase: " + validity(*box) + " 0000000002\n";
  put(kFrom + base + "A: 1\nX-UID: 2\n\none\n\n");
  EXPECT_EQ(uids(*box), Uids{2});
}

// A file with other messages, in the place of one that we knew: renamed to there by Dovecot.
TEST_F(ToldUids, AnotherMailboxInItsPlaceKeepsItsOwn) {
  put(kFrom + "A: 1\n\none\n\n");
  EXPECT_EQ(uids(*open()), Uids{1});
  const std::string other = kFrom + "X-IMAPbase: 1234567890 0000000006\nB: 2\nX-UID: 5\n\ntwo\n\n";
  // Anybody may send such a field; UIDs must not come again under a UIDVALIDITY of former times.
  put(other);
  EXPECT_EQ(uids(*open()), Uids{2});
  put(kFrom + "A: 1\n\none\n\n");
  EXPECT_EQ(uids(*open()), Uids{3});
  std::filesystem::create_directories(fixture_.home() + "/mail/.imap/INBOX");
  spill(fixture_.home() + "/mail/.imap/INBOX/dovecot.index.log", "a");
  put(other);
  const auto box = open();
  EXPECT_EQ(uids(*box), Uids{5});
  EXPECT_EQ(validity(*box), "1234567890");
  EXPECT_EQ(expect_ok(box->status()).uid_next.value, 7U);
  // But a known message is not another mailbox: its UIDVALIDITY is told again.
  put(kFrom + "X-IMAPbase: 77 0000000006\nB: 2\nX-UID: 2\n\ntwo\n\n");
  expect_ok(box->fold());
  EXPECT_EQ(uids(*box), Uids{5});
  EXPECT_EQ(file(), kFrom + "X-IMAPbase: 1234567890 0000000006\nB: 2\nX-UID: 5\n\ntwo\n\n");
}

// Senders may write such fields too.
TEST_F(ToldUids, ForgedFieldsCountForNothing) {
  put(kFrom + "Subject: hello\nX-IMAP: 1 0000000001\n\none\n\n");
  {
    const auto box = open();
    ASSERT_EQ(uids(*box), Uids{1});
    expect_ok(box->change(expunge({Uid{1}})));
  }
  const std::string ours = validity(*open());
  put(kFrom + "X-IMAPbase: 4294967295 2147483647\nA: 1\n\none\n\n");
  EXPECT_EQ(uids(*open()), Uids{2});
  EXPECT_EQ(validity(*open()), ours);
  for (const std::string highest : {"3000000000", "4294967295", "xxxxxxxxxx"}) {
    put(kFrom + "X-IMAPbase: " + ours + " " + highest + "\nA: 1\n\none\n\n");
    const auto box = open();
    EXPECT_EQ(uids(*box), Uids{2});
    expect_ok(box->fold());
    EXPECT_EQ(file(), kFrom + "X-IMAPbase: " + ours + " 0000000002\nA: 1\nX-UID: 2\n\none\n\n");
  }
}

// A From_ line whose end was lost is no place for fields; what follows a message without an empty
// line is not its header's.
TEST_F(ToldUids, WhatBordersOnNothingElseStays) {
  const std::string cut = kFrom + "A: 1\n\none\n\n" + kFrom.substr(0, kFrom.size() - 1);
  put(cut);
  {
    const auto box = open();
    EXPECT_EQ(uids(*box), (Uids{1, 2}));
    expect_ok(box->fold());
    EXPECT_THAT(file(), testing::EndsWith("\n\n" + kFrom.substr(0, kFrom.size() - 1)));
  }
  put(kFrom + "A: 1\n" + kFrom + "B: 2\n\ntwo\n\n" + kFrom + "C: 3\n\nthree\n\n");
  const auto box = open();
  const auto messages = all(*box);
  ASSERT_EQ(messages.size(), 3U);
  expect_ok(box->change(expunge({messages[1].uid})));
  expect_ok(box->fold());
  ASSERT_EQ(all(*box).size(), 2U);
  EXPECT_EQ(body(*box, messages[0].uid, View::Wire), "A: 1\r\n");
  EXPECT_EQ(body(*box, messages[2].uid, View::Wire), "C: 3\r\n\r\nthree\r\n");
}

// Dovecot keeps UIDVALIDITY in a message of its own when it has emptied an mbox.
TEST_F(ToldUids, StandInThePseudoMessage) {
  const std::string pseudo =
      "From MAILER_DAEMON  Sat Aug 15 19:02:06 2017\nSubject: FOLDER INTERNAL DATA\n";
  put(pseudo + "X-IMAP: 1234567890 0000000006\nStatus: RO\n\ntext\n\n");
  const auto box = open();
  EXPECT_TRUE(uids(*box).empty());
  EXPECT_EQ(validity(*box), "1234567890");
  AppendOptions options;
  options.flags.set_keyword("work");
  EXPECT_EQ(add(*box, "A: 1\n\none\n", options).value, 7U);
  EXPECT_THAT(file(),
              testing::StartsWith(
                  pseudo + "X-IMAP: 1234567890 0000000007 work\nStatus: RO\n\ntext\n\nFrom "));
  EXPECT_THAT(file(), testing::EndsWith("\nX-UID: 7\nX-Keywords: work\nA: 1\n\none\n\n"));
}

// It alters fields in place, so a grown file may have changed before its end too: its log tells.
TEST_F(ToldUids, WhatDovecotHasGrownIsReadAnew) {
  const std::string log = fixture_.home() + "/mail/.imap/INBOX/dovecot.index.log";
  std::filesystem::create_directories(fixture_.home() + "/mail/.imap/INBOX");
  spill(log, "a");
  const std::string second = kFrom + "B: 2\n\ntwo\n\n";
  put(kFrom + "A: 1\nStatus: O \n\none\n\n" + second);
  const auto box = open();
  EXPECT_FALSE(all(*box)[0].flags.has(Flag::Seen));
  spill(log, "ab");
  put(kFrom + "A: 1\nStatus: OR\n\none\n\n" + second + kFrom + "C: 3\n\nthree\n\n");
  EXPECT_TRUE(all(*box)[0].flags.has(Flag::Seen));
  EXPECT_EQ(uids(*box), (Uids{1, 2, 3}));
}

// The message's own header may begin in any way.
TEST_F(ToldUids, NothingIsMixedUpWithAMessagesOwnLines) {
  const std::vector<std::string> texts{"\nbody\n", " no: field\n\nbody\n", "body\n", "",
                                       "X-UID: 99\nStatus: RO\nA: 1\n\nbody\n"};
  const auto box = open();
  AppendOptions options;
  options.flags.set(Flag::Answered);
  for (const auto& text : texts) add(*box, text, options);
  expect_ok(box->fold());
  const auto again = open();
  const auto messages = all(*again);
  ASSERT_EQ(messages.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(messages[i].flags, options.flags) << i;
    EXPECT_EQ(messages[i].uid.value, i + 1);
    const std::string shown = i == 4 ? "A: 1\n\nbody\n" : texts[i];
    EXPECT_EQ(body(*again, messages[i].uid, View::Wire), to_wire(shown)) << i;
  }
}

}  // namespace
}  // namespace mail::store
