// Damaged files: read as far as they go, and never made worse.
#include "tests/store/disk_fixture.h"

#include <cstdlib>
#include <random>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"

namespace mail::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kFrom = "From ann@example.org Sat Aug 15 19:02:06 2017\n";

std::string log_of(const MboxFixture& fixture) {
  return fixture.home() + "/mail/.imap/.tubepost/INBOX.state";
}

// What stands in the directory of a file under a name that begins as the file's does.
std::string all_octets(const std::string& path) {
  std::string all;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(path).parent_path())) {
    if (entry.path().string().starts_with(path)) all += slurp(entry.path());
  }
  return all;
}

std::string numbered(int n) {
  return "N: " + std::to_string(n) + "\n\nmessage " + std::to_string(n) + "\n";
}

class Damage : public testing::Test {
 protected:
  void SetUp() override { log::open("test", log::Sink::Discard); }
};

// --- mbox

struct MboxCase {
  std::string name, octets;
  std::vector<std::string> bodies;
};

std::vector<MboxCase> damaged_mboxes() {
  const std::string nul(5000, '\0');
  const std::string whole = kFrom + "A: 1\n\none\n\n" + kFrom + "B: 2\n\ntwo\n\n";
  return {
      {"garbage before the first message",
       "garbage\nmore\n\n" + whole,
       {"A: 1\n\none\n", "B: 2\n\ntwo\n"}},
      {"NUL before the first message", nul + "\n" + whole, {"A: 1\n\none\n", "B: 2\n\ntwo\n"}},
      {"a hole of NUL in a message",
       kFrom + "A: 1\n\none\n" + nul + "\n\n" + kFrom + "B: 2\n\ntwo\n\n",
       {"A: 1\n\none\n" + nul + "\n", "B: 2\n\ntwo\n"}},
      {"NUL at the end", whole + nul, {"A: 1\n\none\n", "B: 2\n\ntwo\n\n" + nul + "\n"}},
      {"cut in a header",
       kFrom + "A: 1\n\none\n\n" + kFrom + "B: 2\nSub",
       {"A: 1\n\none\n", "B: 2\nSub\n"}},
      {"cut in a From_ line",
       kFrom + "A: 1\n\none\n\nFrom ann@exam",
       {"A: 1\n\none\n\nFrom ann@exam\n"}},
      {"a From_ line that is none",
       kFrom + "A: 1\n\none\n\nFrom ann Xxx Yyy 99\nB: 2\n\ntwo\n\n",
       {"A: 1\n\none\n\nFrom ann Xxx Yyy 99\nB: 2\n\ntwo\n"}},
      {"only a From_ line", kFrom, {""}},
      {"two From_ lines", kFrom + kFrom + "A: 1\n\none\n\n", {"", "A: 1\n\none\n"}},
      {"no message at all",
       "\x7f"
       "ELF\x02\x01" +
           nul,
       {}},
      {"only NUL", nul, {}},
      {"only line ends", "\n\n\n\n", {}},
      {"fields without names",
       kFrom + ": x\n:\nStatus\nX-UID: x\nX-IMAPbase: 0 0 0\n\none\n\n",
       {": x\n:\nStatus\nX-UID: x\nX-IMAPbase: 0 0 0\n\none\n"}},
  };
}

TEST_F(Damage, AnMboxIsReadAsFarAsItGoes) {
  for (const auto& [name, octets, expected] : damaged_mboxes()) {
    MboxFixture fixture;
    spill(fixture.inbox(), octets);
    const auto store = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    EXPECT_EQ(bodies(*box), expected) << name;
    expect_ok(box->fold());
    EXPECT_EQ(slurp(fixture.inbox()), octets) << name << ": looking changed it";
  }
}

TEST_F(Damage, AnAppendToADamagedMboxLeavesWhatIsThere) {
  for (const auto& [name, octets, expected] : damaged_mboxes()) {
    MboxFixture fixture;
    spill(fixture.inbox(), octets);
    const auto store = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    add(*box, "N: 1\n\nnew\n");
    EXPECT_THAT(slurp(fixture.inbox()), StartsWith(octets)) << name;
    const auto found = bodies(*box);
    ASSERT_EQ(found.size(), expected.size() + 1) << name;
    EXPECT_EQ(found.back(), "N: 1\n\nnew\n") << name;
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), found.begin())) << name;
  }
}

TEST_F(Damage, FlagsAndExpungesInADamagedMboxTouchNothingElse) {
  for (const auto& [name, octets, expected] : damaged_mboxes()) {
    if (expected.empty()) continue;
    MboxFixture fixture;
    spill(fixture.inbox(), octets);
    {
      const auto store = fixture.open();
      const auto box = expect_ok(store->open("INBOX"));
      const auto messages = all(*box);
      Flags seen;
      seen.set(Flag::Seen);
      expect_ok(box->change(set_flags(messages.back().uid, seen)));
      expect_ok(box->fold());
      // Taking the added fields out gives what was there.
      std::string now = slurp(fixture.inbox());
      for (const std::string field : {"Status: RO\n", "Status: R\n"}) {
        const auto at = now.rfind(field);
        if (at != std::string::npos) now.erase(at, field.size());
      }
      std::string before = octets;
      for (const char end : {'\n', '\n'}) {  // an end that was missing may have been added
        if (now.size() > before.size()) before += end;
      }
      EXPECT_EQ(now, before) << name;
      expect_ok(box->change(expunge({messages.back().uid})));
      expect_ok(box->fold());
      EXPECT_EQ(all(*box).size(), expected.size() - 1) << name;
    }
    const auto first = octets.find(kFrom);
    EXPECT_THAT(slurp(fixture.inbox()), StartsWith(octets.substr(0, first)))
        << name << ": what stands before the first message is nobody's to throw away";
  }
}

// What stands before the first message: kept when it goes, when all go, when fields are added, told
// once for each opening, and no concern of an mbox that has none.
TEST_F(Damage, WhatStandsBeforeTheFirstMessageStaysAndIsTold) {
  const std::string whole = kFrom + "A: 1\n\none\n\n" + kFrom + "B: 2\n\ntwo\n\n";
  for (const std::string before : {"garbage\nmore\n\n", "\n", "Subject: lost\n\nits line\n"}) {
    MboxFixture fixture;
    spill(fixture.inbox(), before + whole);
    log::open("test", log::Sink::Stderr);
    testing::internal::CaptureStderr();
    {
      const auto store = fixture.open();
      const auto box = expect_ok(store->open("INBOX"));
      Flags seen;
      seen.set(Flag::Seen);
      expect_ok(box->change(set_flags(all(*box).front().uid, seen)));
      expect_ok(box->fold());
      EXPECT_EQ(slurp(fixture.inbox()),
                before + kFrom + "A: 1\nStatus: R\n\none\n\n" + kFrom + "B: 2\n\ntwo\n\n");
      expect_ok(box->change(expunge({all(*box).front().uid})));
      expect_ok(box->fold());
      EXPECT_EQ(slurp(fixture.inbox()), before + kFrom + "B: 2\n\ntwo\n\n");
      expect_ok(box->change(expunge({all(*box).front().uid})));
      expect_ok(box->fold());
      EXPECT_EQ(slurp(fixture.inbox()), before);
      spill_behind(fixture.inbox(), whole);
      EXPECT_EQ(all(*box).size(), 2U);
    }
    const std::string told = testing::internal::GetCapturedStderr();
    const std::string line =
        std::to_string(before.size()) + " octets before the first From_ line are no message";
    ASSERT_NE(told.find(line), std::string::npos) << told;
    EXPECT_EQ(told.find(line, told.find(line) + 1), std::string::npos) << told;
    testing::internal::CaptureStderr();
    MboxFixture clean;
    spill(clean.inbox(), whole);
    const auto store = clean.open();
    EXPECT_EQ(all(*expect_ok(store->open("INBOX"))).size(), 2U);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  }
}

TEST_F(Damage, AMailboxWhoseDirectoryIsMissingIsNotAnEmptyOne) {
  MboxFixture fixture;
  spill(fixture.inbox(), kFrom + "A: 1\n\none\n\n");
  Uid uid;
  {
    const auto store = fixture.open();
    uid = all(*expect_ok(store->open("INBOX"))).at(0).uid;
  }
  const std::string spool = fixture.home() + "/spool";
  std::filesystem::rename(spool, spool + ".away");  // as an unmounted disk
  {
    const auto store = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    const auto changes = box->since(ModSeq{0});
    ASSERT_FALSE(changes);
    EXPECT_EQ(changes.error().code, Errc::Unavailable);
  }
  std::filesystem::rename(spool + ".away", spool);
  {
    const auto store = fixture.open();
    const auto messages = all(*expect_ok(store->open("INBOX")));
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages.at(0).uid, uid);
  }
  // A file that was removed is an empty mailbox all the same.
  std::filesystem::remove(fixture.inbox());
  const auto store = fixture.open();
  EXPECT_TRUE(all(*expect_ok(store->open("INBOX"))).empty());
}

// The first write of an append puts its last two octets; one that is torn at a page's end leaves a
// hole and one octet, or none. The next opener is another one than the retry.
TEST_F(Damage, AnAppendWhoseFirstWriteWasTornLeavesNothing) {
  for (const bool retried : {false, true}) {
    for (const std::uint64_t missing : {1U, 2U, 20U}) {
      MboxFixture fixture;
      const auto octets = kFrom + numbered(0) + "\n";
      spill(fixture.inbox(), octets);
      {
        const auto store = fixture.open();
        all(*expect_ok(store->open("INBOX")));
        const auto status = expect_ok(sys::stat(fixture.inbox()));
        StateLog log{log_of(fixture), fixture.clock(), {}};
        const auto guard = expect_ok(log.lock());
        Intent intent;
        intent.id = "Q1/0";
        intent.may_be_retried = retried;
        intent.inode = status.st_ino;
        intent.at = octets.size();
        intent.length = 100;
        Ops ops;
        ops.intent(intent);
        expect_ok(log.write(ops, true));
        spill_behind(fixture.inbox(), std::string(98 - (missing > 2 ? missing - 2 : 0), '\0'));
        if (missing == 1) spill_behind(fixture.inbox(), "\n");
      }
      const auto store = fixture.open();
      const auto box = expect_ok(store->open("INBOX"));
      add(*box, numbered(1));
      EXPECT_THAT(bodies(*box), ElementsAre(numbered(0), numbered(1)));
      EXPECT_EQ(slurp(fixture.inbox()).find('\0'), std::string::npos);
    }
  }
}

// The power took the first page of an append, and left others: nobody's message begins with NUL.
// What may be another program's stays.
TEST_F(Damage, AnAppendThatLostItsBeginIsCut) {
  const std::string nul(50, '\0');
  const std::string theirs = kFrom + numbered(1) + "\n";
  const std::string text = "the rest of it\n";
  const std::string full = nul + text + std::string(200, 'x') + "\n\n";
  struct Case {
    const char* name;
    std::string lies;
    bool is_cut;
    std::uint64_t heal = 0;
  };
  for (const auto& [name, lies, is_cut, heal] : std::vector<Case>{
           {"all of its length", full, true},
           {"several messages",
            nul + kFrom + "A: 1\n\n" + full.substr(nul.size() + kFrom.size() + 6), true},
           {"healing line ends", "\n" + full.substr(1), true, 1},
           {"healing line ends that were lost", full, true, 2},
           {"a part of it", nul + text, true},
           {"a part, and another program's message", nul + text + kFrom + "A: 1\n\n", false},
           {"longer", full + theirs, false},
           {"no NUL", text + nul, false},
           {"another's message with NUL", kFrom + "A: 1\n\n" + nul, false}}) {
    MboxFixture fixture;
    const auto octets = kFrom + numbered(0) + "\n";
    spill(fixture.inbox(), octets);
    {
      const auto store = fixture.open();
      all(*expect_ok(store->open("INBOX")));
      StateLog log{log_of(fixture), fixture.clock(), {}};
      const auto guard = expect_ok(log.lock());
      Intent intent;
      intent.id = "append:1";
      intent.inode = expect_ok(sys::stat(fixture.inbox())).st_ino;
      intent.at = octets.size();
      intent.heal = heal;
      intent.length = full.size();
      Ops ops;
      ops.intent(intent);
      expect_ok(log.write(ops, true));
      spill_behind(fixture.inbox(), lies);
    }
    const auto store = fixture.open();
    all(*expect_ok(store->open("INBOX")));
    EXPECT_EQ(slurp(fixture.inbox()), is_cut ? octets : octets + lies) << name;
  }
}

// What another program wrote there is never cut.
TEST_F(Damage, WhatIsNotAHoleIsLeft) {
  MboxFixture fixture;
  const auto octets = kFrom + numbered(0) + "\n";
  const auto theirs = kFrom + numbered(1) + "\n";
  spill(fixture.inbox(), octets);
  const auto status = expect_ok(sys::stat(fixture.inbox()));
  {
    StateLog log{log_of(fixture), fixture.clock(), {}};
    const auto guard = expect_ok(log.lock());
    Intent intent;
    intent.id = "Q1/0";
    intent.inode = status.st_ino;
    intent.at = octets.size();
    intent.length = 1000;
    Ops ops;
    ops.intent(intent);
    expect_ok(log.write(ops, true));
  }
  spill_behind(fixture.inbox(), theirs);
  const auto store = fixture.open();
  EXPECT_THAT(bodies(*expect_ok(store->open("INBOX"))), ElementsAre(numbered(0), numbered(1)));
  EXPECT_EQ(slurp(fixture.inbox()), octets + theirs);
}

// --- state log

// What a client may remember: under which validity which UID had which body.
using Memory = std::map<std::pair<std::uint32_t, std::uint32_t>, std::string>;

void remember(Mailbox& box, Memory& memory, const std::string& where) {
  const auto status = expect_ok(box.status());
  for (const auto& info : all(box)) {
    EXPECT_LT(info.uid, status.uid_next) << where;
    const auto text = body(box, info.uid, View::Wire);
    EXPECT_EQ(text.size(), size_of(box, info.uid)) << where;
    const auto [at, is_new] = memory.try_emplace({status.uid_validity.value, info.uid.value}, text);
    EXPECT_EQ(at->second, text) << where << ": UID " << info.uid.value << " is another message now";
  }
  EXPECT_FALSE(status.mailbox_id.empty()) << where;
}

// Six messages, some seen together for the first time, two expunged, flags; the log as it lies
// then.
struct Aged {
  MboxFixture fixture;
  Memory memory;
  std::vector<std::string> left;
};
std::unique_ptr<Aged> make_aged(bool from_dovecot) {
  auto aged = std::make_unique<Aged>();
  std::string octets = kFrom +
                       (from_dovecot ? "X-IMAPbase: 1234567890 0000000001\nX-UID: 1\n" : "") +
                       numbered(0) + "\n";
  spill(aged->fixture.inbox(), octets);
  const auto store = aged->fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  remember(*box, aged->memory, "first look");
  for (int n = 1; n <= 4; ++n) {
    AppendOptions options;
    options.delivery_id = "Q" + std::to_string(n);
    StringSource source{numbered(n)};
    expect_ok(box->append(source, options));
  }
  remember(*box, aged->memory, "four more");
  const auto messages = all(*box);
  expect_ok(box->change(expunge({messages.at(1).uid, messages.at(2).uid})));
  Flags flags;
  flags.set(Flag::Flagged);
  flags.set_keyword("work");
  expect_ok(box->change(set_flags(messages.at(3).uid, flags)));
  expect_ok(box->fold());
  add(*box, numbered(5));
  remember(*box, aged->memory, "the last");
  for (const int n : {0, 3, 4, 5}) aged->left.push_back(numbered(n));
  return aged;
}

// The same mailbox again, in another place.
std::unique_ptr<Aged> copy(const Aged& original) {
  auto aged = std::make_unique<Aged>();
  for (const std::string folder : {"/mail", "/spool"}) {
    std::filesystem::copy(original.fixture.home() + folder, aged->fixture.home() + folder,
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
  }
  aged->memory = original.memory;
  aged->left = original.left;
  return aged;
}

TEST_F(Damage, EachLineOfAStateLog) {
  for (const bool from_dovecot : {false, true}) {
    const auto original = make_aged(from_dovecot);
    for (const std::string how : {"flip", "flip end", "zero", "cut"}) {
      if (from_dovecot && how != "flip") continue;
      for (std::size_t line = 0;; ++line) {
        const auto aged = copy(*original);
        const std::string path = log_of(aged->fixture);
        std::string octets = slurp(path);
        std::size_t begin = 0;
        for (std::size_t n = 0; n < line; ++n) begin = octets.find('\n', begin) + 1;
        if (begin >= octets.size()) {
          EXPECT_GT(line, 7U);
          break;
        }
        const auto end = octets.find('\n', begin);
        const std::string where =
            how + " line " + std::to_string(line) + (from_dovecot ? ", UIDs from Dovecot" : "");
        if (how == "flip") octets.at(begin + (end - begin) / 2) ^= 1;
        if (how == "flip end") octets.at(end) ^= 1;
        if (how == "zero") octets.replace(begin, end - begin, std::string(end - begin, '\0'));
        if (how == "cut") octets.resize(begin + (end - begin) / 2);
        if (how == "cut" && line < 3) {
          // All that was known is gone; no clock of a test may give the same validity again.
          aged->fixture.clock().advance(std::chrono::hours(1));
        }
        if (how != "cut" && line < 3) aged->fixture.clock().advance(std::chrono::hours(1));
        spill(path, octets);
        for (int round = 0; round < 2; ++round) {
          const auto store = aged->fixture.open();
          const auto box = expect_ok(store->open("INBOX"));
          if (how != "cut") {
            remember(*box, aged->memory, where);
          } else {
            all(*box);
          }
          auto found = bodies(*box);
          for (auto& text : found) {  // bookkeeping apart
            text = text.substr(text.find("N: "));
            if (const auto at = text.find("\n\n"); at != std::string::npos) {
              text = text.substr(0, text.find('\n') + 1) + text.substr(at + 1);
            }
          }
          EXPECT_EQ(found.size(), aged->left.size()) << where;
          if (round == 0) {
            add(*box, numbered(6));
            aged->left.push_back(numbered(6));
            if (how != "cut") remember(*box, aged->memory, where + ", after an append");
          }
        }
        // A person can still look at what could not be read.
        if (how == "flip") {
          EXPECT_THAT(all_octets(path), HasSubstr(octets.substr(begin, end - begin))) << where;
        }
      }
    }
  }
}

TEST_F(Damage, UidsOfADamagedLineAreNotGivenAgain) {
  MboxFixture fixture;
  Memory memory;
  std::string octets;
  for (int n = 0; n < 3; ++n) octets += kFrom + numbered(n) + "\n";
  spill(fixture.inbox(), octets);
  {
    const auto store = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    remember(*box, memory, "first look");
    expect_ok(box->change(expunge({all(*box).at(1).uid})));
    expect_ok(box->fold());
  }
  std::string log = slurp(log_of(fixture));
  const auto at = log.find("uid 2 ");
  ASSERT_NE(at, std::string::npos);
  log.at(at) = 'U';
  spill(log_of(fixture), log);
  const auto store = fixture.open();
  remember(*expect_ok(store->open("INBOX")), memory, "after the damage");
}

// What compaction writes first says more than its length lets guess: uidnext may be anything.
TEST_F(Damage, WithoutItsUidValidityAnotherOneIsChosenWhateverTheMailboxSays) {
  for (const bool is_damaged : {false, true}) {
    MboxFixture fixture;
    spill(fixture.inbox(),
          kFrom + "X-IMAPbase: 1234567890 0000000001\nX-UID: 1\n" + numbered(0) + "\n");
    {
      StateLog log{log_of(fixture), fixture.clock(), {}};
      const auto guard = expect_ok(log.lock());
      Ops ops;
      ops.uid_validity({1234567890});
      ops.uid_next({500'000});
      expect_ok(log.write(ops, true));
    }
    std::string octets = slurp(log_of(fixture));
    if (is_damaged) octets.at(octets.find("500000")) = '4';
    spill(log_of(fixture), octets);
    const auto store = fixture.open();
    const auto status = expect_ok(expect_ok(store->open("INBOX"))->status());
    EXPECT_EQ(status.uid_validity.value != 1234567890, is_damaged);
    if (!is_damaged) {
      EXPECT_EQ(status.uid_next, Uid{500'001});
    }
  }
}

TEST_F(Damage, ADamagedLogIsKeptOverCompaction) {
  const auto aged = make_aged(false);
  const std::string path = log_of(aged->fixture);
  std::string octets = slurp(path);
  const auto at = octets.find("flags ");
  ASSERT_NE(at, std::string::npos);
  octets.at(at) = 'F';
  spill(path, octets);
  Flags flags;
  const auto store = aged->fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  const auto uid = all(*box).front().uid;
  for (int i = 0; i < 100; ++i) {  // long lines, until it compacts
    flags = {};
    for (const char k : {'p', 'q', 'r', 's'}) {
      flags.set_keyword("key" + std::to_string(i) + std::string(1000, k));
    }
    expect_ok(box->change(set_flags(uid, flags)));
  }
  EXPECT_LT(slurp(path).size(), 300'000U);
  EXPECT_EQ(slurp(path).find("Flags "), std::string::npos);
  EXPECT_THAT(all_octets(path), HasSubstr(octets.substr(0, at + 20)));
  const auto store_again = aged->fixture.open();
  const auto again = expect_ok(store_again->open("INBOX"));
  EXPECT_EQ(all(*again).front().flags, flags);
  remember(*again, aged->memory, "after compaction");
}

// --- anything, anywhere: TUBEPOST_SEED repeats a failure

TEST_F(Damage, AtRandom) {
  const char* given = std::getenv("TUBEPOST_SEED");
  const unsigned seed =
      given == nullptr ? std::random_device{}() : ascii::to_number<unsigned>(given).value_or(0);
  const int rounds = std::getenv("TUBEPOST_SOAK") == nullptr ? 40 : 20'000;
  const auto ours = make_aged(false);
  const auto dovecots = make_aged(true);
  for (int round = 0; round < rounds; ++round) {
    const unsigned this_seed = seed + static_cast<unsigned>(round);
    std::mt19937 random{this_seed};
    const std::string where = "TUBEPOST_SEED=" + std::to_string(this_seed);
    const auto aged = copy(random() % 2 == 0 ? *ours : *dovecots);
    const bool is_log = random() % 2 == 0;
    const std::string path = is_log ? log_of(aged->fixture) : aged->fixture.inbox();
    std::string octets = slurp(path);
    const auto position = [&] { return random() % octets.size(); };
    switch (random() % 4) {
      case 0:
        for (int i = 0; i < 3; ++i) octets.at(position()) = static_cast<char>(random());
        break;
      case 1:
        octets.resize(position());
        break;
      case 2:
        octets.insert(position(), std::string(1 + random() % 600, static_cast<char>(random())));
        break;
      default: {
        const auto at = position();
        octets.erase(at, 1 + random() % 200);
      }
    }
    spill(path, octets);
    std::filesystem::remove(log_of(aged->fixture) + ".index");
    {
      const auto store = aged->fixture.open();
      const auto box = expect_ok(store->open("INBOX"));
      for (const auto& info : all(*box)) {
        EXPECT_EQ(body(*box, info.uid, View::Wire).size(), size_of(*box, info.uid)) << where;
      }
      if (!is_log) {
        EXPECT_EQ(slurp(path), octets) << where << ": looking changed it";
      }
      add(*box, numbered(7));
      // (Where Dovecot has been it is told of the new message's UID, in its fields.)
      if (!is_log && octets.find("X-IMAPbase") == std::string::npos) {
        EXPECT_THAT(slurp(path), StartsWith(octets)) << where;
      }
      EXPECT_EQ(body(*box, all(*box).back().uid, View::Wire), to_wire(numbered(7))) << where;
      expect_ok(box->fold());
    }
    const auto store = aged->fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    EXPECT_EQ(body(*box, all(*box).back().uid, View::Wire), to_wire(numbered(7))) << where;
    if (is_log) {
      for (const auto& text : aged->left) {
        const auto body_text = text.substr(text.find("\n\n"));
        EXPECT_THAT(slurp(aged->fixture.inbox()), HasSubstr(body_text)) << where;
      }
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace mail::store
