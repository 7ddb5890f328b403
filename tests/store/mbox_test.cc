#include "libmail/store/mbox/mail_store.h"

#include <fcntl.h>

#include <thread>

#include "libmail/base/faults.h"
#include "libmail/message/from_line.h"
#include "tests/store/disk_fixture.h"

namespace mail::store {
namespace {

INSTANTIATE_TEST_SUITE_P(Mbox, StoreConformance,
                         testing::Values(Implementation{
                             "mbox", [] { return std::make_unique<MboxFixture>(); }}));

constexpr std::string_view kFrom = "From ann@example.org  Sat Aug 15 19:02:06 2017\n";

class Mbox : public testing::Test {
 protected:
  std::unique_ptr<Mailbox> open() {
    stores_.push_back(fixture_.open());
    return expect_ok(stores_.back()->open("INBOX"));
  }
  std::string file() const { return slurp(fixture_.inbox()); }
  void put(const std::string& octets) { spill(fixture_.inbox(), octets); }

  MboxFixture fixture_;
  std::vector<std::unique_ptr<MailStore>> stores_;
};

// Virtual users have one uid, so one directory for the state of their INBOXes in the spool.
TEST_F(Mbox, AccountsOfOneUidShareNoState) {
  const std::string from(kFrom), state = fixture_.home() + "/state";
  std::filesystem::create_directory(state);
  const auto uids_of = [&](const std::string& name) {
    const Location location{
        Format::Mbox, fixture_.home() + "/" + name, fixture_.home() + "/in-" + name, {}, {}, "fs"};
    mbox::MboxMailStore mboxes(location, state, Settings{});
    std::vector<std::uint32_t> uids;
    for (const auto& info : expect_ok(expect_ok(mboxes.open("INBOX"))->since(ModSeq{})).messages) {
      uids.push_back(info.uid.value);
    }
    return uids;
  };
  using Uids = std::vector<std::uint32_t>;
  spill(fixture_.home() + "/in-ann", from + "A: 1\n\na\n\n" + from + "A: 2\n\na\n\n");
  EXPECT_EQ(uids_of("ann"), (Uids{1, 2}));
  // The name of former times is taken over by whom comes first.
  for (const auto& entry : std::filesystem::directory_iterator(state)) {
    const auto name = entry.path().filename().string();
    const auto at = name.find(".state");
    ASSERT_NE(at, std::string::npos) << name;
    std::filesystem::rename(entry.path(), state + "/INBOX" + name.substr(at));
  }
  spill(fixture_.home() + "/in-ann", from + "A: 2\n\na\n\n");
  EXPECT_EQ(uids_of("ann"), Uids{2});
  EXPECT_FALSE(std::filesystem::exists(state + "/INBOX.state"));
  spill(fixture_.home() + "/in-bob", from + "B: 1\n\nb\n\n");
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(uids_of("bob"), Uids{1});
    EXPECT_EQ(uids_of("ann"), Uids{2});
  }
}

TEST_F(Mbox, ReadsForeignFiles) {
  const std::string from(kFrom);
  struct Case {
    std::string file;
    std::vector<std::string> contents;
  };
  const Case cases[] = {
      {"", {}},
      {"garbage\nwithout a From_ line\n", {}},
      {from + "A: 1\n\nbody\n\n", {"A: 1\n\nbody\n"}},
      {from + "A: 1\n\nbody\n", {"A: 1\n\nbody\n"}},  // no empty line at the end
      {from + "A: 1\n\nbody", {"A: 1\n\nbody\n"}},    // no line end either
      {from + "A: 1\n\none\n\n" + from + "B: 2\n\ntwo\n\n", {"A: 1\n\none\n", "B: 2\n\ntwo\n"}},
      {from + "A: 1\n\none\n" + from + "B: 2\n\ntwo\n\n",  // torn apart without an empty line
       {"A: 1\n\none\n", "B: 2\n\ntwo\n"}},
      {from + "A: 1\n\n\n\n\n" + from + "B: 2\n\n", {"A: 1\n\n\n\n", "B: 2\n"}},
      {from + "A: 1\n\nFrom here on it is text\n\n", {"A: 1\n\nFrom here on it is text\n"}},
      {"From a@b  Sat Aug 15 19:02:06 2017\r\nA: 1\r\n\r\nx\r\n\r\n", {"A: 1\r\n\r\nx\r\n"}},
      // Content-Length lies: it does not hide the next message.
      {from + "Content-Length: 5000\n\nx\n\n" + from + "B: 2\n\ny\n\n",
       {"Content-Length: 5000\n\nx\n", "B: 2\n\ny\n"}},
      {from + from + "B: 2\n\ny\n\n", {"", "B: 2\n\ny\n"}},
  };
  for (const auto& [octets, contents] : cases) {
    put(octets);
    MboxFixture fresh;
    spill(fresh.inbox(), octets);
    const auto store = fresh.open();
    const auto box = expect_ok(store->open("INBOX"));
    EXPECT_EQ(bodies(*box), contents) << octets;
    for (const auto& info : all(*box)) {
      EXPECT_EQ(body(*box, info.uid, View::Wire).size(), size_of(*box, info.uid)) << octets;
    }
    EXPECT_EQ(slurp(fresh.inbox()), octets);  // looking changes nothing
  }
}

// What the look leaves out of a message's size the Wire view leaves out too.
TEST_F(Mbox, BlanksBeforeTheColonOfABookkeepingField) {
  const std::string from(kFrom);
  for (const std::size_t blanks : {0U, 1U, 25U, 26U, 40U, 57U, 58U, 300U}) {
    const std::string status = "Status" + std::string(blanks, ' ') + ": R\n O\n";
    const bool is_hidden = blanks <= 57;
    MboxFixture fresh;
    spill(fresh.inbox(), from + "A: 1\n" + status + "B: 2\n\nbody\n\n");
    const auto store = fresh.open();
    const auto box = expect_ok(store->open("INBOX"));
    add(*box, status + "C: 3\n\nours\n");  // ours to read at once
    const auto found = all(*box);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found.front().flags.has(Flag::Seen), is_hidden);
    const std::vector<std::string> wanted = {
        "A: 1\n" + (is_hidden ? "" : status) + "B: 2\n\nbody\n",
        (is_hidden ? "" : status) + "C: 3\n\nours\n"};
    for (std::size_t i = 0; i < 2; ++i) {
      std::string wire = body(*box, found.at(i).uid, View::Wire);
      EXPECT_EQ(wire.size(), size_of(*box, found.at(i).uid)) << blanks;
      std::erase(wire, '\r');
      EXPECT_EQ(wire, wanted.at(i)) << blanks;
    }
  }
}

TEST_F(Mbox, LongLinesAndChunkBorders) {
  for (const std::size_t size : {262'130UL, 262'144UL, 262'150UL, 700'000UL}) {
    MboxFixture fresh;
    const std::string first = "A: 1\n\n" + std::string(size, 'x') + "\n";
    spill(fresh.inbox(), std::string(kFrom) + first + "\n" + std::string(kFrom) + "B: 2\n\ny\n\n");
    const auto store = fresh.open();
    const auto box = expect_ok(store->open("INBOX"));
    EXPECT_EQ(bodies(*box), (std::vector<std::string>{first, "B: 2\n\ny\n"}));
  }
}

TEST_F(Mbox, WritesWhatOthersRead) {
  AppendOptions options;
  options.envelope_sender = "ann@example.org";
  options.internal_date = WallTime{std::chrono::seconds{1'502'794'926}};
  const auto box = open();
  add(*box, "A: 1\n\nFrom me\n>From you\nno end", options);
  const auto line =
      message::format_from_line("ann@example.org", message::to_local(*options.internal_date));
  EXPECT_EQ(file(), line + "A: 1\n\n>From me\n>From you\nno end\n\n");
  EXPECT_EQ(std::filesystem::status(fixture_.inbox()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(Mbox, HealsTheEndBeforeItAppends) {
  for (const std::string end : {"", "\n", "\n\n"}) {
    put(std::string(kFrom) + "A: 1\n\ntorn" + end);
    add(*open(), "B: 2\n\nwhole\n");
    EXPECT_THAT(file(), testing::StartsWith(std::string(kFrom) + "A: 1\n\ntorn\n\nFrom "));
    EXPECT_EQ(bodies(*open()).back(), "B: 2\n\nwhole\n");
  }
}

// NUL before the last empty line is not always an append that was broken off.
TEST_F(Mbox, OneThatEndsInNulGetsItsUid) {
  put(std::string(kFrom) + "A: 1\n\none\n");
  const auto box = open();
  const std::string octets("B: 2\n\ntwo\0\n", 11);
  EXPECT_EQ(add(*box, octets), Uid{2});
  EXPECT_EQ(body(*box, Uid{2}), octets);
}

TEST_F(Mbox, FoldsStatusAndNothingElse) {  // S76: exactly 10 and 11 octets
  const std::string from(kFrom);
  put(from + "A: 1\n\none\n\n" + from + "B: 2\n\ntwo\n\n");
  const auto box = open();
  const auto messages = all(*box);
  Flags seen;
  seen.set(Flag::Seen);
  expect_ok(box->change([&](const Snapshot&) {
    return std::vector<Change>{{messages[0].uid, std::nullopt, true, false},
                               {messages[1].uid, seen, true, false}};
  }));
  EXPECT_EQ(file(), from + "A: 1\n\none\n\n" + from + "B: 2\n\ntwo\n\n");
  const std::uint64_t size = size_of(*box, messages[0].uid);
  expect_ok(box->fold());
  EXPECT_EQ(file(), from + "A: 1\nStatus: O\n\none\n\n" + from + "B: 2\nStatus: RO\n\ntwo\n\n");
  EXPECT_EQ(body(*box, messages[0].uid, View::Wire), "A: 1\r\n\r\none\r\n");
  EXPECT_EQ(body(*box, messages[0].uid, View::Stored), "A: 1\nStatus: O\n\none\n");
  EXPECT_EQ(size_of(*box, messages[0].uid), size);
  const std::string once = file();
  expect_ok(box->fold());
  EXPECT_EQ(file(), once);
}

TEST_F(Mbox, ReadsAndWritesDovecotsFields) {
  const std::string from(kFrom);
  put(from +
      "X-IMAPbase: 1500000000 0000000009 work\nA: 1\nX-UID: 3\nStatus: RO\nX-Status: AF\n"
      "X-Keywords: work\n\none\n\n" +
      from + "B: 2\nX-UID: 7\nStatus: O\nX-Status: TD\n\ntwo\n\n");
  const auto box = open();
  const auto messages = all(*box);
  ASSERT_EQ(messages.size(), 2U);
  const auto status = expect_ok(box->status());
  EXPECT_EQ(status.uid_validity.value, 1'500'000'000U);
  EXPECT_EQ(status.uid_next.value, 10U);
  EXPECT_EQ(messages[0].uid.value, 3U);
  EXPECT_EQ(messages[1].uid.value, 7U);
  Flags first;
  first.set(Flag::Seen);
  first.set(Flag::Answered);
  first.set(Flag::Flagged);
  first.set_keyword("work");
  EXPECT_EQ(messages[0].flags, first);
  EXPECT_TRUE(messages[0].old);
  Flags second;
  second.set(Flag::Draft);
  second.set(Flag::Deleted);
  EXPECT_EQ(messages[1].flags, second);
  EXPECT_EQ(body(*box, Uid{3}, View::Wire), "A: 1\r\n\r\none\r\n");
  first.set(Flag::Flagged, false);
  first.set_keyword("home");
  expect_ok(box->change(set_flags(Uid{3}, first)));
  expect_ok(box->fold());
  EXPECT_EQ(
      file(),
      from +
          "X-IMAPbase: 1500000000 0000000009 work home\nA: 1\nX-UID: 3\nStatus: RO\nX-Status: A\n"
          "X-Keywords: home work\n\none\n\n" +
          from + "B: 2\nX-UID: 7\nStatus: O\nX-Status: TD\n\ntwo\n\n");
}

TEST_F(Mbox, ForgedBookkeepingInADeliveryCountsForNothing) {
  AppendOptions options;
  options.delivery_id = "Q1/0";
  const auto box = open();
  add(*box, "X-IMAPbase: 5 9\nX-UID: 77\nStatus: RO\nX-Status: D\n\nx\n", options);
  const auto info = all(*box).at(0);
  EXPECT_EQ(info.flags, Flags{});
  EXPECT_FALSE(info.old);
  EXPECT_LT(info.uid.value, 77U);
}

TEST_F(Mbox, NoticesForeignChanges) {
  const std::string from(kFrom);
  const std::string one = from + "A: 1\n\none\n\n";
  const std::string two = from + "B: 2\n\ntwo\n\n";
  const std::string three = from + "C: 3\n\nthree\n\n";
  put(one + two);
  const auto box = open();
  auto changes = expect_ok(box->since(ModSeq{0}));
  const auto start = changes.messages;
  ASSERT_EQ(start.size(), 2U);
  spill_behind(fixture_.inbox(), three);  // procmail
  changes = expect_ok(box->since(changes.upto));
  ASSERT_EQ(changes.messages.size(), 1U);
  EXPECT_EQ(body(*box, changes.messages[0].uid), "C: 3\n\nthree\n");
  const auto third = changes.messages[0].uid;
  put(one + three);  // mutt deleted the second
  changes = expect_ok(box->since(changes.upto));
  EXPECT_EQ(changes.vanished, std::vector<Uid>{start[1].uid});
  EXPECT_EQ(body(*box, third), "C: 3\n\nthree\n");
  put(three + from + "A: 1\nStatus: RO\n\none\n\n");  // sorted, and read
  changes = expect_ok(box->since(changes.upto));
  EXPECT_TRUE(changes.vanished.empty());
  ASSERT_EQ(changes.messages.size(), 1U);
  EXPECT_EQ(changes.messages[0].uid, start[0].uid);
  EXPECT_TRUE(changes.messages[0].flags.has(Flag::Seen));
  EXPECT_EQ(body(*box, start[0].uid, View::Wire), "A: 1\r\n\r\none\r\n");
  put(from + "D: 4\n\nother\n\n");  // another mailbox altogether
  EXPECT_EQ(box->open(third, View::Wire).error().code, Errc::NotFound);
  EXPECT_EQ(bodies(*box), std::vector<std::string>{"D: 4\n\nother\n"});
  std::filesystem::remove(fixture_.inbox());
  EXPECT_TRUE(all(*box).empty());
  const Uid fresh = add(*box, kMessage);
  EXPECT_GT(fresh, third);
}

TEST_F(Mbox, AReaderNeverGivesOtherOctets) {
  const std::string from(kFrom);
  put(from + "A: 1\n\nfirst message\n\n" + from + "B: 2\n\nsecond message\n\n");
  const auto box = open();
  const auto messages = all(*box);
  const auto first = expect_ok(box->open(messages[0].uid, View::Stored));
  const auto second = expect_ok(box->open(messages[1].uid, View::Stored));
  put(from + "B: 2\n\nsecond message\n\n");
  EXPECT_EQ(expect_ok(read_all(*second)), "B: 2\n\nsecond message\n");
  EXPECT_EQ(read_all(*first).error().code, Errc::NotFound);
}

// Flags that another session folds in make the header longer while a client reads slowly.
TEST_F(Mbox, AReaderGoesOnInTheSameBody) {
  std::string big = "A: 1\n\n";
  for (int line = 0; line < 20'000; ++line) big += "line " + std::to_string(line) + "\n";
  const auto box = open();
  const Uid uid = add(*box, big);
  for (const View view : {View::Wire, View::Stored}) {
    const auto whole = expect_ok(read_all(*expect_ok(box->open(uid, view))));
    const auto reader = expect_ok(box->open(uid, view));
    std::string got(65536, '\0');
    got.resize(expect_ok(reader->read(0, got)));
    {
      const auto other = open();
      Flags flags;
      flags.set(view == View::Wire ? Flag::Seen : Flag::Flagged);
      expect_ok(other->change(set_flags(uid, flags)));
      expect_ok(other->fold());
    }
    std::string chunk(65536, '\0');
    for (;;) {
      const std::size_t count = expect_ok(reader->read(got.size(), chunk));
      if (count == 0) break;
      got.append(chunk, 0, count);
    }
    EXPECT_TRUE(got == whole) << "view " << static_cast<int>(view);
    // Its beginning is another one by now, and cannot be had any more.
    if (view == View::Stored) {
      EXPECT_EQ(reader->read(0, chunk).error().code, Errc::Unavailable);
    }
  }
}

TEST_F(Mbox, OpensAMessageThoughTheLogWasWrittenAnew) {
  const auto box = open();
  std::vector<Uid> uids;
  for (int i = 0; i < 3; ++i) uids.push_back(add(*box, kMessage));
  all(*box);
  const std::string log = fixture_.home() + "/mail/.imap/.tubepost/INBOX.state";
  {
    const auto other = open();
    for (std::uintmax_t last = 0, on = 1; std::filesystem::file_size(log) >= last; on ^= 1U) {
      last = std::filesystem::file_size(log);
      Flags flags;
      flags.set(Flag::Flagged, on != 0);
      flags.set_keyword(std::string(100, 'k'), on != 0);
      for (const Uid uid : uids) expect_ok(other->change(set_flags(uid, flags)));
    }
    add(*other, kMessage);
    expect_ok(other->fold());
  }
  EXPECT_EQ(body(*box, uids[1], View::Wire), to_wire(kMessage));
}

// Another session folds flags: what shrinks and what grows cancel out, and the end grows. Seen from
// the end, nothing seems to have moved.
TEST_F(Mbox, AFoldThatMovesTheMiddleOnlyIsNoticed) {
  for (const bool expunges : {true, false}) {
    MboxFixture fixture;
    const auto store = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    Flags one;
    one.set_keyword("k1");
    Flags two;
    two.set_keyword("k2");
    std::vector<Uid> uids;
    std::vector<std::string> texts;
    for (int n = 0; n < 6; ++n) {
      AppendOptions options;
      if (n == 1) options.flags = one;
      texts.push_back("N: " + std::to_string(n) + "\n\nthe text\n");
      uids.push_back(add(*box, texts.back(), options));
    }
    expect_ok(box->fold());
    const auto other_store = fixture.open();
    const auto other = expect_ok(other_store->open("INBOX"));
    all(*other);
    expect_ok(box->change(set_flags(uids[1], {})));
    expect_ok(box->change(set_flags(uids[4], two)));
    expect_ok(box->change(set_flags(uids[5], one)));
    expect_ok(box->fold());
    if (expunges) {
      expect_ok(other->change(expunge({uids[3]})));
      texts.erase(texts.begin() + 3);
      uids.erase(uids.begin() + 3);
    }
    for (std::size_t n = 0; n < uids.size(); ++n) {
      EXPECT_EQ(body(*other, uids[n], View::Wire), to_wire(texts[n])) << n;
    }
    const auto third = fixture.open();
    const auto fresh = expect_ok(third->open("INBOX"));
    ASSERT_EQ(all(*fresh).size(), uids.size());
    for (std::size_t n = 0; n < uids.size(); ++n) {
      EXPECT_EQ(body(*fresh, uids[n], View::Wire), to_wire(texts[n])) << n;
    }
  }
}

#ifdef TUBEPOST_FAULTS
// A session that has waited for the lock of one that was killed in the middle of an expunge.
TEST_F(Mbox, WhoComesBehindTheKilledSeesNoHalfMovedMailbox) {
  faults::kill_by_throwing(true);
  bool is_over = false;
  for (std::size_t nth = 1; !is_over; ++nth) {
    for (const std::string kill :
         {"write:3:torn", "write:4:torn", "write:5:torn", "truncate:1:kill", "truncate:2:kill"}) {
      MboxFixture fixture;
      fixture.settings().lock_timeout = std::chrono::milliseconds(5);
      const auto store = fixture.open();
      const auto box = expect_ok(store->open("INBOX"));
      std::map<Uid, std::string> texts;
      for (int n = 0; n < 5; ++n) {
        const std::string text = "N: " + std::to_string(n) + "\n\n" +
                                 std::string(900, static_cast<char>('a' + n)) + "\n";
        texts[add(*box, text)] = to_wire(text);
      }
      all(*box);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // so that a change shows
      const Uid first = texts.begin()->first;
      std::size_t count = 0;
      is_over = true;
      faults::observe([&](std::string_view call) {
        if (call != "lock" || !is_over || ++count != nth) return;
        is_over = false;  // and not once more for what is called in here
        faults::arm(kill);
        try {
          const auto other = fixture.open();
          if (const auto theirs = other->open("INBOX")) {
            static_cast<void>((*theirs)->change(expunge({first})));
          }
        } catch (const faults::Killed&) {
        }
        faults::arm("");
      });
      const auto seen = box->since(ModSeq{0});
      faults::observe({});
      fixture.settings().lock_timeout = std::chrono::milliseconds(300);
      const auto after = fixture.open();
      const auto fresh = expect_ok(after->open("INBOX"));
      const auto now = all(*fresh);
      EXPECT_GE(now.size(), texts.size() - 1);
      for (const auto& info : seen ? seen->messages : now) {
        EXPECT_TRUE(texts.contains(info.uid)) << kill << ": UID " << info.uid.value << " appears";
      }
      for (const auto& info : now) {
        EXPECT_EQ(body(*fresh, info.uid, View::Wire), texts[info.uid])
            << kill << " while call " << nth << " was made: UID " << info.uid.value;
      }
      if (HasFailure()) return faults::kill_by_throwing(false);
    }
  }
  faults::kill_by_throwing(false);
}
#endif

TEST_F(Mbox, CopiesWithinItself) {
  const auto box = open();
  std::string big = "A: 1\n\n";
  while (big.size() < 700'000) big += "a line of the message\n";
  const Uid uid = add(*box, big);
  const auto reader = expect_ok(box->open(uid, View::Wire));
  ReaderSource source{*reader};
  const auto again = expect_ok(stores_.back()->open("INBOX"));
  const Uid copy = expect_ok(again->append(source, {})).uid;
  EXPECT_EQ(body(*box, copy), big);
  EXPECT_EQ(body(*box, uid), big);
}

TEST_F(Mbox, WaitsForAnOtherProgramsLock) {
  const auto box = open();
  add(*box, kMessage);
  const auto fd = expect_ok(sys::open(fixture_.inbox(), O_RDWR));
  expect_ok(sys::lock(fd, sys::Lock::Exclusive, std::chrono::milliseconds(0), "test"));
  StringSource source{kMessage};
  EXPECT_EQ(box->append(source, {}).error().code, Errc::InUse);
  expect_ok(sys::unlock(fd));
  expect_ok(source.rewind());
  EXPECT_TRUE(box->append(source, {}).has_value());
}

TEST_F(Mbox, FlagsAreAcknowledgedThoughTheFileIsLocked) {
  const auto box = open();
  const Uid uid = add(*box, kMessage);
  all(*box);
  std::this_thread::sleep_for(std::chrono::milliseconds(80));
  all(*box);
  const auto fd = expect_ok(sys::open(fixture_.inbox(), O_RDWR));
  expect_ok(sys::lock(fd, sys::Lock::Exclusive, std::chrono::milliseconds(0), "test"));
  Flags seen;
  seen.set(Flag::Seen);
  expect_ok(box->change(set_flags(uid, seen)));
  expect_ok(box->change(expunge({uid})));  // hidden at once, out of the file later
  EXPECT_TRUE(all(*box).empty());
  expect_ok(sys::unlock(fd));
  EXPECT_THAT(file(), testing::HasSubstr("there"));
  expect_ok(box->fold());
  EXPECT_EQ(file(), "");
}

TEST_F(Mbox, GarbageForIndexOrLogIsNoCrash) {
  const std::string from(kFrom);
  std::string octets;
  for (int i = 0; i < 400; ++i) octets += from + "N: " + std::to_string(i) + "\n\nx\n\n";
  put(octets);
  const auto expected = bodies(*open());
  ASSERT_EQ(expected.size(), 400U);
  const std::string log = fixture_.home() + "/mail/.imap/.tubepost/INBOX.state";
  const std::string index = log + ".index";
  ASSERT_TRUE(std::filesystem::exists(index));
  for (const auto& path : {index, log}) {
    const std::string whole = slurp(path);
    for (const std::size_t cut : {0UL, 1UL, 30UL, whole.size() / 2, whole.size() - 1}) {
      spill(path, whole.substr(0, cut));
      EXPECT_EQ(bodies(*open()), expected) << path << cut;
      std::string noise = whole;
      for (std::size_t i = cut; i < noise.size(); i += 7) noise[i] = static_cast<char>(i * 31);
      spill(path, noise);
      EXPECT_EQ(bodies(*open()), expected) << path << cut;
      spill(path, whole);
    }
  }
}

TEST_F(Mbox, OpensAFileByPath) {
  const std::string path = fixture_.home() + "/some.mbox";
  spill(path, std::string(kFrom) + "A: 1\n\none\n\n");
  const auto store = fixture_.open_mbox();
  EXPECT_EQ(bodies(*expect_ok(store->open_file(path))), std::vector<std::string>{"A: 1\n\none\n"});
  EXPECT_EQ(store->open_file(path + ".not").error().code, Errc::NotFound);
  put(std::string(kFrom) + "B: 2\n\ntwo\n\n");
  const auto inbox = expect_ok(store->open_file(fixture_.inbox()));
  EXPECT_EQ(expect_ok(inbox->status()).mailbox_id, expect_ok(open()->status()).mailbox_id);
}

}  // namespace
}  // namespace mail::store
