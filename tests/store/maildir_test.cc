#include "tests/store/disk_fixture.h"

namespace mail::store {
namespace {

INSTANTIATE_TEST_SUITE_P(Maildir, StoreConformance,
                         testing::Values(Implementation{
                             "maildir", [] { return std::make_unique<MaildirFixture>(); }}));

TEST(Maildir, TakesDovecotsUidsKeywordsAndForeignFiles) {
  MaildirFixture fixture;
  for (const char* name : {"/new", "/cur", "/tmp"}) {
    std::filesystem::create_directories(fixture.root() + name);
  }
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
  EXPECT_EQ(messages[1].size, 11U);
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

// A Dovecot that began anew, with other UIDs: ours stay, and so do the unique-ids that it has told.
TEST(Maildir, UniqueIdsOutliveAnotherUidValidity) {
  MaildirFixture fixture;
  for (const char* name : {"/new", "/cur", "/tmp"}) {
    std::filesystem::create_directories(fixture.root() + name);
  }
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
  for (const char* name : {"/new", "/cur", "/tmp"}) {
    std::filesystem::create_directories(fixture.root() + name);
  }
  const char* const names[] = {"1500000000.1_0.host", "1500000000.M7P1.host",
                               "1500000000.M99P1V2.host", "1500000000.M100P1.host",
                               "1500000000.M5000000000000000000000P1.host"};
  for (const char* name : names)
    spill(fixture.root() + "/new/" + name, "A: " + std::string(name) + "\n\nx\n");
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  std::vector<std::string> order;
  for (const auto& message : all(*box))
    order.push_back(body(*box, message.uid, View::Wire).substr(3, 16));
  EXPECT_EQ(order,
            (std::vector<std::string>{"1500000000.1_0.h", "1500000000.M5000", "1500000000.M7P1.",
                                      "1500000000.M99P1", "1500000000.M100P"}));
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
