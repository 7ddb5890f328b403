// Messages of an mbox read one after the other under a hold, where many are read at once: what is
// given is what stands there, whatever borders fall where, and whoever changed the file meanwhile.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "libmail/base/faults.h"
#include "libmail/message/line_ends.h"
#include "libmail/store/message_source.h"
#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"

namespace mail::store {
namespace {

constexpr std::string_view kFrom = "From ann@example.org Thu Nov 26 10:00:00 2026\n";
constexpr std::string_view kStatus = "Status: RO\n";
constexpr std::size_t kAhead = 64UL * 1024;  // mailbox.cc

struct Message {
  std::string stored;
  std::string wire;
};

// With that many octets behind the header section; every third has a bookkeeping field, every
// second CRLF now and then.
Message make(std::size_t number, std::size_t octets) {
  const std::string field = number % 3 == 0 ? std::string(kStatus) : std::string{};
  const std::string subject = "Subject: " + std::to_string(number) + "\n";
  std::string body = "\n";
  while (body.size() < octets) {
    body += ".line " + std::to_string(number) + " From\n";
    if (number % 2 == 0) body += "\rx\r\n\n";
  }
  body.resize(std::max<std::size_t>(octets, 1));
  body.back() = '\n';
  return {subject + field + body, message::to_crlf(subject + body)};
}

class ReadAhead : public testing::Test {
 protected:
  void TearDown() override { faults::kill_by_throwing(false); }
  void put(const std::vector<std::size_t>& octets) {
    for (std::size_t i = 0; i < octets.size(); ++i) messages_.push_back(make(i, octets.at(i)));
    std::string file;
    for (const auto& one : messages_) file += std::string(kFrom) + one.stored + "\n";
    spill(fixture_.inbox(), file);
  }
  void settle() { ::usleep(100'000); }
  void open() {
    store_ = fixture_.open();
    box_ = expect_ok(store_->open("INBOX"));
    uids_.clear();
    for (const auto& info : all(*box_)) uids_.push_back(info.uid);
    ASSERT_EQ(uids_.size(), messages_.size());
  }
  std::string read(std::size_t index, View view, std::size_t at_once) {
    const auto reader = expect_ok(box_->open(uids_.at(index), view));
    std::string found;
    std::string piece(at_once, '\0');
    while (const std::size_t got = expect_ok(reader->read(found.size(), piece))) {
      found.append(piece, 0, got);
    }
    return found;
  }
  void check(const std::vector<std::size_t>& order, const char* what) {
    SCOPED_TRACE(what);
    for (const std::size_t at_once : {std::size_t{700}, kAhead / 2, kAhead}) {
      const auto hold = box_->hold_for_reading();
      for (const std::size_t index : order) {
        EXPECT_TRUE(read(index, View::Stored, at_once) == messages_.at(index).stored) << index;
        EXPECT_TRUE(read(index, View::Wire, at_once) == messages_.at(index).wire) << index;
      }
    }
  }
  void check_orders(const char* what) {
    SCOPED_TRACE(what);
    std::vector<std::size_t> order(messages_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    check(order, "ascending");
    std::ranges::reverse(order);
    check(order, "descending");
    std::ranges::stable_partition(order, [](std::size_t index) { return index % 2 == 0; });
    check(order, "every second");
  }

  MboxFixture fixture_;
  std::vector<Message> messages_;
  std::unique_ptr<MailStore> store_;
  std::unique_ptr<Mailbox> box_;
  std::vector<Uid> uids_;
};

TEST_F(ReadAhead, BordersFallAnywhere) {
  std::vector<std::size_t> octets = {1, 2, 40, 4000, 300, kAhead * 3, 17};
  for (std::size_t near = kAhead - 80; near < kAhead + 8; near += 3) octets.push_back(near);
  for (std::size_t i = 0; i < 40; ++i) octets.push_back(kAhead / 8 - 60 + i);
  put(octets);
  open();
  check_orders("looked at just now");
  settle();
  open();
  check_orders("known");
  // What was not read since the file grew is read again before it is shown.
  messages_.push_back(make(messages_.size(), 1000));
  spill_behind(fixture_.inbox(), std::string(kFrom) + messages_.back().stored + "\n");
  settle();
  open();
  check_orders("grown");
}

TEST_F(ReadAhead, OneReadForManyMessages) {
  put(std::vector<std::size_t>(100, 500));
  settle();
  open();
  const auto reads = [&] {
    const auto hold = box_->hold_for_reading();
    return calls("read", [&] {
      for (std::size_t i = 0; i < 100; ++i) {
        EXPECT_EQ(read(i, View::Wire, kAhead), messages_.at(i).wire);
      }
    });
  };
  EXPECT_LT(reads(), 20U);
  spill_behind(fixture_.inbox(), std::string(kFrom) + make(100, 9).stored + "\n");
  settle();
  all(*box_);
  EXPECT_LT(reads(), 20U);
}

TEST_F(ReadAhead, AnotherProgramAltersWhatWasRead) {
  put(std::vector<std::size_t>(6, 500));
  settle();
  open();
  {
    const auto hold = box_->hold_for_reading();
    for (const std::size_t i : {0U, 1U, 2U})
      EXPECT_EQ(read(i, View::Stored, 700), messages_[i].stored);
  }
  std::string file = slurp(fixture_.inbox());
  const auto at = file.find("line 4");
  file.replace(at, 6, "LINE 4");
  spill(fixture_.inbox(), file);
  messages_[4].stored.replace(messages_[4].stored.find("line 4"), 6, "LINE 4");
  {
    const auto hold = box_->hold_for_reading();
    EXPECT_EQ(box_->open(uids_[4], View::Stored).error().code, Errc::NotFound);
    for (const std::size_t i : {3U, 5U}) EXPECT_EQ(read(i, View::Stored, 700), messages_[i].stored);
  }
  const auto now = all(*box_);
  ASSERT_EQ(now.size(), 6U);
  EXPECT_EQ(body(*box_, now.back().uid), messages_[4].stored);
}

TEST_F(ReadAhead, WhatWasReadAheadIsNotWhatIsLookedAtAnew) {
  put(std::vector<std::size_t>(6, 500));
  settle();
  open();
  {
    const auto hold = box_->hold_for_reading();
    for (const std::size_t i : {0U, 1U}) EXPECT_EQ(read(i, View::Stored, 700), messages_[i].stored);
  }
  std::string file = slurp(fixture_.inbox());
  file.replace(file.find("line 4"), 6, "LINE 4");
  spill(fixture_.inbox(), file);
  messages_[4].stored.replace(messages_[4].stored.find("line 4"), 6, "LINE 4");
  const auto now = all(*box_);
  const auto hold = box_->hold_for_reading();
  EXPECT_EQ(body(*box_, now.back().uid), messages_[4].stored);
}

// A reader of before the change goes on with the octets of its message, or none.
TEST_F(ReadAhead, AnotherProgramMovesWhatIsBeingRead) {
  put({3000, 3000, 3000});
  settle();
  open();
  auto hold = box_->hold_for_reading();
  const auto reader = expect_ok(box_->open(uids_[1], View::Wire));
  std::string found(100, '\0');
  EXPECT_EQ(expect_ok(reader->read(0, found)), 100U);
  hold.reset();
  spill(fixture_.inbox(), std::string(kFrom) + messages_[1].stored + "\n" + std::string(kFrom) +
                              messages_[2].stored + "\n");
  hold = box_->hold_for_reading();
  std::string rest(kAhead, '\0');
  while (const std::size_t got = expect_ok(reader->read(found.size(), rest))) {
    found.append(rest, 0, got);
  }
  EXPECT_EQ(found, messages_[1].wire);
  EXPECT_EQ(box_->open(uids_[0], View::Wire).error().code, Errc::NotFound);
}

// What we write ourselves: the first fold moves what stands behind.
TEST_F(ReadAhead, OwnFoldMovesWhatWasRead) {
  for (const bool is_locked : {false, true}) {
    SCOPED_TRACE(is_locked);
    messages_.clear();
    put({100, 100, 100, 100});
    settle();
    open();
    if (is_locked) expect_ok(box_->lock_exclusively());
    auto hold = box_->hold_for_reading();
    for (const std::size_t i : {0U, 1U}) EXPECT_EQ(read(i, View::Wire, 700), messages_[i].wire);
    hold.reset();
    Change change;
    change.uid = uids_[0];
    change.flags.emplace();
    change.flags->set(Flag::Flagged);
    change.flags->set_keyword("moves");
    expect_ok(box_->change([&](const Snapshot&) { return std::vector<Change>{change}; }));
    expect_ok(box_->fold());
    EXPECT_NE(slurp(fixture_.inbox()).find("moves"), std::string::npos);
    hold = box_->hold_for_reading();
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(read(i, View::Wire, 700), messages_[i].wire) << i;
    hold.reset();
    box_.reset();
    store_.reset();
    std::filesystem::remove_all(fixture_.home() + "/mail");
    std::filesystem::remove(fixture_.inbox());
  }
}

// Changes of our own, of another session, and of a program between reads: what was read ahead
// before any of them is not given for what stands there now.
TEST_F(ReadAhead, ChangesOfAllKindsBetweenReads) {
  for (const bool is_locked : {false, true}) {
    SCOPED_TRACE(is_locked);
    messages_.clear();
    put(std::vector<std::size_t>(20, 300));
    settle();
    open();
    if (is_locked) expect_ok(box_->lock_exclusively());
    std::mt19937 random{5};
    std::map<Uid, std::string> wires;
    for (std::size_t i = 0; i < uids_.size(); ++i) wires[uids_[i]] = messages_[i].wire;
    const auto other_store = fixture_.open();
    const auto other = expect_ok(other_store->open("INBOX"));
    for (std::size_t step = 0; step < 100; ++step) {
      const std::string octets = make(1 + step % 2, 40 + random() % 400).stored;
      Mailbox& who = !is_locked && random() % 3 == 0 ? *other : *box_;
      const auto what = random() % 8;
      const auto now = all(who);
      const Uid any = now.at(random() % now.size()).uid;
      if (what == 0) {
        Flags flags;
        flags.set(Flag::Flagged, random() % 2 == 0);
        flags.set_keyword("k" + std::to_string(random() % 5));
        expect_ok(who.change(set_flags(any, flags)));
      }
      if (what == 1) expect_ok(who.fold());
      if (what == 2 && now.size() > 10) expect_ok(who.change(expunge({any}))), wires.erase(any);
      if (what == 3) wires[add(who, octets)] = message::to_crlf(octets);
      if (what == 4) {
        const std::vector<NewMessage> two{new_message(octets), new_message(octets)};
        for (const Uid uid : expect_ok(who.append_all(two))) wires[uid] = message::to_crlf(octets);
      }
      if (what == 5) {
        AppendOptions delivery;
        delivery.delivery_id = "Q" + std::to_string(step) + "/0";
        add(who, octets, delivery);
        for (const auto& info : all(who)) wires.emplace(info.uid, message::to_crlf(octets));
      }
      if (what == 6 && !is_locked) {
        spill_behind(fixture_.inbox(), std::string(kFrom) + octets + "\n");
        for (const auto& info : all(who)) wires.emplace(info.uid, message::to_crlf(octets));
      }
      if (what == 7 && !is_locked) {  // to the octet as long as before: another message
        ::usleep(20'000);             // another time than that of the last change
        std::string file = slurp(fixture_.inbox());
        const auto line = file.find(".line", random() % file.size());
        if (line != file.npos) file.replace(line, 5, ".LINE");
        spill(fixture_.inbox(), file);
        std::map<Uid, std::string> read_singly;
        for (const auto& info : all(who)) {
          read_singly[info.uid] = body(*other, info.uid, View::Wire);
        }
        wires = std::move(read_singly);
      }
      const bool is_looked_at = random() % 2 == 0;
      if (is_looked_at) all(*box_);
      const auto hold = box_->hold_for_reading();
      // Some from anywhere on: others of what was read ahead for them are read in the next step.
      auto at = wires.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(random() % wires.size()));
      for (auto count = random() % wires.size(); at != wires.end() && count > 0; ++at, --count) {
        const auto reader = box_->open(at->first, View::Wire);
        const auto read = reader ? read_all(**reader) : fail(reader.error());
        ASSERT_TRUE(read ? *read == at->second : !is_looked_at)
            << "step " << step << ", UID " << at->first.value;
      }
    }
    box_.reset();
    store_.reset();
    std::filesystem::remove_all(fixture_.home() + "/mail");
    std::filesystem::remove(fixture_.inbox());
  }
}

// Whoever was killed in the middle of a rewrite leaves no mailbox: who reads next mends it first.
TEST_F(ReadAhead, AHoldMendsWhatAKilledSessionLeft) {
  put({70'000, 70'000, 70'000, 70'000});
  const std::string file = slurp(fixture_.inbox());
  faults::kill_by_throwing(true);
  for (std::size_t nth = 1;; ++nth) {
    MboxFixture fixture;
    spill(fixture.inbox(), file);
    const auto store = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    const auto messages = all(*box);
    ASSERT_EQ(messages.size(), 4U);
    const bool is_reached = run("kill", nth, [&] {
      const auto theirs = fixture.open();
      const auto same = theirs->open("INBOX");
      if (same && (*same)->change(expunge({messages[0].uid}))) static_cast<void>((*same)->fold());
    });
    const auto hold = box->hold_for_reading();
    ASSERT_TRUE(hold) << nth;
    const auto reader = box->open(messages[2].uid, View::Wire);
    ASSERT_TRUE(reader) << nth << ": " << reader.error().log_text;
    EXPECT_EQ(expect_ok(read_all(**reader)), messages_[2].wire) << nth;
    if (!is_reached) break;
  }
}

}  // namespace
}  // namespace mail::store
