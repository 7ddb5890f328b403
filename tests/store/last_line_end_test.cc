// An mbox whose last message lacks its line end: whoever appends writes it, and the message is the
// same one before and after, under its UID, with the flags that only the log has.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"

namespace mail::store {
namespace {

constexpr std::string_view kFrom = "From ann@example.org Thu Nov 26 10:00:00 2026\n";
const std::string kFirst = std::string(kFrom) + "A: 1\n\nthe first\n\n";
const std::string kNew = "C: 3\n\nthe new one\n";
const std::string kTheirs = std::string(kFrom) + kNew + "\n";

struct Seen {
  MessageInfo info;
  std::string stored, wire;
  std::uint64_t size = 0;
  bool operator==(const Seen&) const = default;
};
void PrintTo(const Seen& seen, std::ostream* os) {
  *os << seen.info.uid.value << " modseq " << seen.info.modseq.value << " size " << seen.size
      << ", " << testing::PrintToString(seen.wire);
}

std::vector<Seen> see(Mailbox& box) {
  std::vector<Seen> seen;
  for (const auto& info : all(box)) {
    seen.push_back(
        {info, body(box, info.uid), body(box, info.uid, View::Wire), size_of(box, info.uid)});
    EXPECT_EQ(seen.back().wire.size(), seen.back().size);
  }
  return seen;
}

Flags wished() {
  Flags flags;
  flags.set(Flag::Seen);
  flags.set(Flag::Flagged);
  flags.set_keyword("later");
  return flags;
}

// The first message, and one that ends like that: with flags that nobody has folded.
std::vector<Seen> prepare(MboxFixture& fixture, Mailbox& box, const std::string& last) {
  spill(fixture.inbox(), kFirst + last);
  const auto found = all(box);
  EXPECT_EQ(found.size(), 2U);
  for (const auto& info : found) expect_ok(box.change(set_flags(info.uid, wished())));
  EXPECT_EQ(slurp(fixture.inbox()), kFirst + last);
  return see(box);
}

std::unique_ptr<Mailbox> open(MboxFixture& fixture, std::vector<std::unique_ptr<MailStore>>& kept) {
  kept.push_back(fixture.open());
  return expect_ok(kept.back()->open("INBOX"));
}

std::vector<std::string> endings() {
  const std::string from(kFrom);
  return {from + "B: 2\n\nbody",
          from + "B: 2\n\nbody\r",
          from + "B: 2\n\nbody\n\nFrom me",
          from + "B: 2\r\n\r\nbody\r\nmore",
          from + "B: 2\n\n" + std::string(300'000, 'x'),
          from + "B: 2",
          from + "B: 2\n\r",
          from + "B: 2\nStatus: O",
          from + "B: 2\nLines: 7\nX-UID: 9\n more",
          from + "B: 2\n\n\n\r",
          from + "B: 2\n\nbody\n",  // lacks no line end, but the empty line
          from.substr(0, from.size() - 1)};
}

using Append = std::function<void(MboxFixture&, Mailbox&)>;
const std::map<std::string, Append>& appends() {
  static const std::map<std::string, Append> all = {
      {"APPEND", [](MboxFixture&, Mailbox& box) { add(box, kNew); }},
      {"COPY",
       [](MboxFixture&, Mailbox& box) {
         expect_ok(box.append_all(std::vector{new_message(kNew), new_message(kNew)}));
       }},
      {"delivery",
       [](MboxFixture& fixture, Mailbox&) {
         AppendOptions options;
         options.delivery_id = "Q7/0";
         options.may_be_retried = true;
         const auto store = fixture.open();
         add(*expect_ok(store->open("INBOX")), kNew, options);
       }},
      {"another program",
       [](MboxFixture& fixture, Mailbox&) { spill_behind(fixture.inbox(), "\n\n" + kTheirs); }},
      {"one that knows no empty line",
       [](MboxFixture& fixture, Mailbox&) { spill_behind(fixture.inbox(), "\n" + kTheirs); }}};
  return all;
}

TEST(LastLineEnd, AnAppendLeavesTheMessageWhatItIs) {
  for (const auto& [name, append] : appends()) {
    for (const std::string& last : endings()) {
      if (last.ends_with('\n') && name == "another program") continue;  // that is one line more,
      if (last.ends_with("\n\r") && name.starts_with("one")) continue;  // and that one less
      SCOPED_TRACE(name + " behind " + last.substr(last.size() < 100 ? 0 : last.size() - 100));
      MboxFixture fixture;
      std::vector<std::unique_ptr<MailStore>> kept;
      const auto box = open(fixture, kept);
      const auto before = prepare(fixture, *box, last);
      EXPECT_EQ(see(*open(fixture, kept)), before);
      append(fixture, *box);
      const auto after = see(*box);
      ASSERT_GE(after.size(), 3U);
      EXPECT_EQ((std::vector{after.at(0), after.at(1)}), before);
      EXPECT_EQ(after.at(2).stored, kNew);
      EXPECT_EQ(see(*open(fixture, kept)), after);
      expect_ok(box->fold());
      const auto folded = see(*open(fixture, kept));
      ASSERT_EQ(folded.size(), after.size());
      for (std::size_t i = 0; i < folded.size(); ++i) {
        EXPECT_EQ(folded.at(i).info, after.at(i).info);
        EXPECT_EQ(folded.at(i).wire, after.at(i).wire);
      }
    }
  }
}

// A client may have begun to read, and be told the size, before.
TEST(LastLineEnd, AReaderGoesOn) {
  for (const std::string& last : endings()) {
    if (last.ends_with("\n\r")) continue;  // that becomes the header's empty line
    for (const View view : {View::Stored, View::Wire}) {
      SCOPED_TRACE(last.substr(last.size() < 100 ? 0 : last.size() - 100));
      MboxFixture fixture;
      std::vector<std::unique_ptr<MailStore>> kept;
      const auto box = open(fixture, kept);
      const auto before = prepare(fixture, *box, last);
      const auto reader = expect_ok(box->open(before.at(1).info.uid, view));
      const std::string& whole = view == View::Wire ? before.at(1).wire : before.at(1).stored;
      EXPECT_EQ(reader->size(), whole.size());
      std::string read(whole.size() / 2, '\0');
      read.resize(expect_ok(reader->read(0, read)));
      add(*open(fixture, kept), kNew);
      for (std::string piece(5000, '\0');;) {
        const auto got = expect_ok(reader->read(read.size(), piece));
        if (got == 0) break;
        read.append(piece, 0, got);
      }
      EXPECT_EQ(read, whole);
    }
  }
}

// Octet by octet, ahead and not: nothing stands where the line end is taken to be.
TEST(LastLineEnd, IsReadInPieces) {
  MboxFixture fixture;
  std::vector<std::unique_ptr<MailStore>> kept;
  const auto box = open(fixture, kept);
  const auto before = prepare(fixture, *box, std::string(kFrom) + "B: 2\n\nbody");
  for (const bool holds : {false, true}) {
    const auto held = holds ? box->hold_for_reading() : nullptr;
    for (const Seen& one : before) {
      const auto reader = expect_ok(box->open(one.info.uid, View::Stored));
      std::string found;
      for (char c = 0; expect_ok(reader->read(found.size(), std::span(&c, 1))) == 1;) found += c;
      EXPECT_EQ(found, one.stored);
    }
  }
}

#ifdef TUBEPOST_FAULTS

// Killed at each call: the message before is never another one, nor has it octets of the new one.
TEST(LastLineEnd, OurAppendIsKilled) {
  constexpr std::size_t kMostCalls = 400;
  faults::kill_by_throwing(true);
  for (const std::string action : {"kill", "torn", "after", "EIO"}) {
    std::size_t nth = 1;
    for (; nth < kMostCalls; ++nth) {
      SCOPED_TRACE(action + " at call " + std::to_string(nth));
      MboxFixture fixture;
      std::vector<std::unique_ptr<MailStore>> kept;
      const auto before =
          prepare(fixture, *open(fixture, kept), std::string(kFrom) + "B: 2\n\nbody");
      const bool reached = run(action, nth, [&] {
        const auto store = fixture.open();
        const auto box = store->open("INBOX");
        StringSource source{kNew};
        AppendOptions options;
        if (nth % 3 > 0) options.delivery_id = "Q7/0";
        options.may_be_retried = nth % 3 == 2;  // what it leaves stays until its retry
        if (box) static_cast<void>((*box)->append(source, options));
      });
      for (int time = 0; time < 2; ++time) {
        const auto after = see(*open(fixture, kept));
        ASSERT_GE(after.size(), 2U);
        EXPECT_EQ((std::vector{after.at(0), after.at(1)}), before);
        EXPECT_LE(after.size(), 3U);
        EXPECT_TRUE(after.size() == 2 || after.at(2).stored == kNew);
      }
      if (!reached || testing::Test::HasFailure()) break;
    }
    EXPECT_LT(nth, kMostCalls);
  }
  faults::kill_by_throwing(false);
}

#endif

}  // namespace
}  // namespace mail::store
