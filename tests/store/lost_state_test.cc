// The directory of our state logs is removed (`rm -r ROOT/.imap`, a usual cure for Dovecot's
// indexes), between sessions or under one: no message is lost, no UID gets another body, and with a
// Dovecot's X-UIDs all UIDs stay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/store/disk_fixture.h"

namespace mail::store {
namespace {

namespace fs = std::filesystem;

std::string text(int number) { return "N: " + std::to_string(number) + "\n\nbody\n"; }

class LostState : public testing::TestWithParam<bool> {
 protected:
  // Four messages, the second expunged, one flagged; with a Dovecot or without.
  void SetUp() override {
    if (GetParam()) fs::create_directories(imap() + "/INBOX");
    const auto store = fixture_.open();
    const auto box = expect_ok(store->open("INBOX"));
    for (int number = 1; number <= 4; ++number) add(*box, text(number));
    expect_ok(box->change(expunge({Uid{2}})));
    flagged_.set(Flag::Flagged);
    flagged_.set_keyword("work");
    expect_ok(box->change(set_flags(Uid{3}, flagged_)));
    expect_ok(box->fold());
    before_ = wires(*box);
    validity_ = expect_ok(box->status()).uid_validity;
    ASSERT_EQ(before_.size(), 3U);
  }
  void lose() {
    fixture_.clock().step_wall_clock(std::chrono::minutes(1));
    fs::remove_all(imap());
  }
  [[nodiscard]] std::string imap() const { return fixture_.home() + "/mail/.imap"; }
  static std::map<Uid, std::string> wires(Mailbox& box) {
    std::map<Uid, std::string> found;
    for (const auto& info : all(box)) found[info.uid] = body(box, info.uid, View::Wire);
    return found;
  }
  static std::vector<std::string> sorted(const std::map<Uid, std::string>& wires) {
    std::vector<std::string> texts;
    for (const auto& [uid, octets] : wires) texts.push_back(octets);
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  // What a session that begins now is told.
  void check(std::size_t more) {
    const auto store = fixture_.open();
    const auto box = expect_ok(store->open("INBOX"));
    const auto now = wires(*box);
    ASSERT_EQ(now.size(), before_.size() + more);
    const bool is_same = expect_ok(box->status()).uid_validity == validity_;
    EXPECT_EQ(is_same, GetParam());
    for (const auto& [uid, octets] : before_) {
      EXPECT_TRUE(!is_same || now.at(uid) == octets) << uid.value;
      EXPECT_THAT(sorted(now), testing::Contains(octets));
    }
    const auto messages = all(*box);
    EXPECT_EQ(messages.at(1).flags, flagged_);  // folded
  }

  MboxFixture fixture_;
  Flags flagged_;
  std::map<Uid, std::string> before_;
  UidValidity validity_;
};

TEST_P(LostState, BetweenSessions) {
  lose();
  check(0);
  lose();
  const auto store = fixture_.open();
  const Uid uid = add(*expect_ok(store->open("INBOX")), text(5));
  EXPECT_EQ(uid, GetParam() ? Uid{5} : Uid{4});
  check(1);
}

// What the log alone had is lost: flags, no messages.
TEST_P(LostState, BeforeTheFold) {
  {
    const auto store = fixture_.open();
    const auto box = expect_ok(store->open("INBOX"));
    Flags seen;
    seen.set(Flag::Seen);
    expect_ok(box->change(set_flags(Uid{1}, seen)));
    expect_ok(box->change(set_flags(Uid{3}, seen)));
  }
  lose();
  check(0);
}

TEST_P(LostState, UnderASession) {
  for (const std::string first : {"nobody", "look", "delivery"}) {
    SCOPED_TRACE(first);
    const auto store = fixture_.open();
    const auto box = expect_ok(store->open("INBOX"));
    auto known = wires(*box);
    lose();
    std::size_t more = 0;
    if (first == "look") {
      all(*expect_ok(fixture_.open()->open("INBOX")));
    }
    if (first == "delivery") {
      AppendOptions options;
      options.delivery_id = "Q1/0";
      add(*expect_ok(fixture_.open()->open("INBOX")), text(9), options);
      ++more;
    }
    for (const bool is_after_a_look : {false, true}) {
      if (is_after_a_look) {
        EXPECT_EQ(box->since(ModSeq{0}).error().code, Errc::Corrupt);
      }
      for (const auto& [uid, octets] : known) {
        const auto reader = box->open(uid, View::Wire);
        const auto read = reader ? read_all(**reader) : fail(reader.error());
        EXPECT_TRUE(!read || *read == octets) << uid.value;
      }
    }
    EXPECT_FALSE(box->change(expunge({Uid{3}})));
    EXPECT_FALSE(box->append_all({}).value_or(std::vector{Uid{1}}).size());
    StringSource source{text(6)};
    EXPECT_FALSE(box->append(source, {}));
    EXPECT_FALSE(box->fold());
    check(more);
    TearDown();
    fs::remove(fixture_.inbox());
    fs::remove_all(imap());
    SetUp();
  }
}

INSTANTIATE_TEST_SUITE_P(Mbox, LostState, testing::Bool(),
                         [](const auto& one) { return one.param ? "BesideDovecot" : "Alone"; });

// An mbox that a Dovecot has numbered, put in the place of another under a session.
TEST(LostMailbox, AnotherInItsPlace) {
  MboxFixture fixture;
  fs::create_directories(fixture.home() + "/mail/.imap/INBOX");
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  const Uid uid = add(*box, text(1));
  all(*box);
  std::string file;
  for (const int number : {7, 8}) {
    file += "From ann@example.org Thu Nov 26 10:00:00 2026\nX-UID: " + std::to_string(number - 6) +
            (number == 7 ? "\nX-IMAPbase: 1700050000 0000000002\n" : "\n") + text(number) + "\n";
  }
  spill(fixture.inbox(), file);
  const auto is_another = [&] {
    const auto reader = box->open(uid, View::Wire);
    return reader && expect_ok(read_all(**reader)) != to_wire(text(1));
  };
  EXPECT_FALSE(is_another());
  static_cast<void>(box->since(ModSeq{0}));
  EXPECT_FALSE(is_another());
  EXPECT_FALSE(box->change(expunge({uid})));
  EXPECT_EQ(all(*expect_ok(fixture.open()->open("INBOX"))).size(), 2U);
}

// By another session, or by hand: none of the UIDs that were told leads to a message of today.
template <class Made>
void remove_under_a_session(const std::function<void(MailStore&)>& remove) {
  Made fixture;
  const auto store = fixture.open();
  expect_ok(store->create("work"));
  const auto box = expect_ok(store->open("work"));
  const Uid uid = add(*box, text(1));
  const auto other = fixture.open();
  remove(*other);
  const auto now = box->since(ModSeq{0});
  EXPECT_FALSE(now) << now->messages.size();
  const auto reader = box->open(uid, View::Wire);
  EXPECT_FALSE(reader && expect_ok(read_all(**reader)) != to_wire(text(1)));
}

TEST(LostMailbox, UnderASession) {
  const auto remove = [](MailStore& store) { expect_ok(store.remove("work")); };
  const auto rename = [](MailStore& store) { expect_ok(store.rename("work", "other")); };
  const auto anew = [](MailStore& store) {
    expect_ok(store.remove("work"));
    expect_ok(store.create("work"));
    add(*expect_ok(store.open("work")), text(2));
  };
  for (const auto& one : std::vector<std::function<void(MailStore&)>>{remove, rename, anew}) {
    remove_under_a_session<MboxFixture>(one);
    remove_under_a_session<MaildirFixture>(one);
  }
}

}  // namespace
}  // namespace mail::store
