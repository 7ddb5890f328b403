// Rewriting in windows: stopped at each system call by a kill, a torn write, an error or a power
// loss, with and without another program's append before the next opener comes; afterwards every
// message is there exactly once, changed already or not yet.
#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <regex>

#include "libmail/base/faults.h"
#include "libmail/base/sys.h"
#include "libmail/store/hash.h"
#include "libmail/store/mbox/rewrite.h"
#include "libmail/store/mbox/window.h"
#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"
#include "tests/store/sync_observer.h"

#ifdef TUBEPOST_FAULTS

namespace mail::store {
namespace {

// What is durable of each file, by path: as it was at its last sync. Null: not looked at.
std::map<std::string, std::string>* durable_files = nullptr;

void note_sync(int fd) {
  if (durable_files == nullptr) return;
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
  if (std::filesystem::is_regular_file(path)) (*durable_files)[path] = slurp(path);
}

using mbox::Pass;
using mbox::Rewriter;
using mbox::Splice;

struct Message {
  std::string before;
  std::string after;  // empty: expunged
};

// Of another program, appended at any time that nobody holds the lock.
const std::string kForeign =
    "From else@where Thu Jan  1 00:00:00 2026\nSubject: theirs\n\nhello\n\n";

Message message(std::size_t number, std::size_t size, char what) {
  const std::string from =
      "From m" + std::to_string(number) + "@example.org Thu Jan  1 00:00:00 2026\n";
  std::string body;
  while (body.size() < size) {
    body += "line " + std::to_string(number) + "." + std::to_string(body.size()) + "\n";
  }
  const auto with = [&](const std::string& field) { return from + field + "\n" + body + "\n"; };
  const std::string longer = "Status: RO\nX-Status: AF\nX-Keywords: some more of them\n";
  switch (what) {
    case '-':
      return {with("Status: R\n"), {}};
    case '+':
      return {with({}), with(longer)};
    case '<':
      return {with(longer), with("Status: O\n")};
    case '#':
      return {with({}), with("X-Keywords: " + std::string(9000, 'k') + "\n")};
    case '=':
      return {with("Status: R\n"), with("Status: O\n")};
    default:
      return {with("A: b\n"), with("A: b\n")};
  }
}

struct Case {
  std::string name;
  std::string what;  // for each message
};
const std::vector<Case> kCases{
    {"one expunged", "..-....."},
    {"several shrink", ".-.<-..-.<."},
    {"several grow", "..+.+...+"},
    {"all grow", "++++++++"},
    {"in place", "=..=..="},
    {"first grow, then shrink", "++.+.-..<.."},
    {"first shrink, then grow", "-..+.+..-.++"},
    {"the end goes", "....--"},
    {"all go", "-----"},
    {"one grows by pages", "..#.."},
    {"back to the same length", ".<.+.=..."},
};

// An mbox of a case, and what is to be done to it.
struct Mail {
  explicit Mail(const std::string& what) {
    std::mt19937 random{7};
    std::size_t number = 0;
    for (const char c : what) messages.push_back(message(number++, 20 + random() % 2500, c));
    for (const auto& [before, after] : messages) {
      const std::uint64_t at = octets.size();
      octets += before;
      if (before == after) continue;
      if (after.empty()) {
        splices.push_back({at, octets.size(), {}});
        continue;
      }
      const auto head = before.find('\n') + 1;
      const auto tail = before.find("\nline") + 1;  // its header's last line end stands there
      const auto new_tail = after.find("\nline") + 1;
      splices.push_back({at + head, at + tail, after.substr(head, new_tail - head)});
    }
  }
  std::vector<Message> messages;
  std::string octets;
  std::vector<Splice> splices;
};

// Made once: it takes as long as a rewrite.
const Mail& mail_of(const Case& what) {
  static const std::map<std::string, Mail> made = [] {
    std::map<std::string, Mail> all;
    for (const Case& one : kCases) all.emplace(one.name, one.what);
    return all;
  }();
  return made.at(what.name);
}

class Scene {
 public:
  Scene(const Case& what, std::uint64_t window) : window_(window), mail_(mail_of(what)) {
    spill(path(), mail_.octets);
    ::mkdir((home_.path() + "/state").c_str(), 0700);
  }
  [[nodiscard]] std::string path() const { return home_.path() + "/mbox"; }
  [[nodiscard]] std::string log_path() const { return home_.path() + "/state/mbox.state"; }
  [[nodiscard]] std::vector<std::string> files() const {
    return {path(), log_path(), log_path() + ".window", log_path() + ".window-2"};
  }
  [[nodiscard]] const std::string& octets() const { return mail_.octets; }

  Result<void> rewrite() {
    const auto fd = TRY(sys::open(path(), O_RDWR));
    StateLog log{log_path(), clock_, {}};
    const auto guard = TRY(log.lock());
    return Rewriter{fd, path(), log, window_}.apply(mail_.splices, {});
  }
  Result<void> recover() {
    const auto fd = TRY(sys::open(path(), O_RDWR));
    StateLog log{log_path(), clock_, {}};
    const auto guard = TRY(log.lock());
    if (!log.state().rewrite) return {};
    return Rewriter{fd, path(), log, window_}.recover();
  }
  [[nodiscard]] bool was_set_aside() const { return aside() > 0; }
  [[nodiscard]] std::size_t aside() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(home_.path() + "/state")) {
      if (entry.path().string().find(".damaged-") != std::string::npos) ++count;
    }
    return count;
  }
  // Each message once, as before or as after; an expunged one perhaps. `done`: all as after.
  [[nodiscard]] std::string fault(const std::string& foreign, bool done) const {
    const std::string now = slurp(path());
    std::size_t at = 0;
    const auto takes = [&](const std::string& octets) {
      if (now.compare(at, octets.size(), octets) != 0) return false;
      at += octets.size();
      return true;
    };
    for (std::size_t i = 0; i < mail_.messages.size(); ++i) {
      const auto& [before, after] = mail_.messages[i];
      if (!after.empty() && takes(after)) continue;
      if (after.empty() && done) continue;
      if (!done && takes(before)) continue;
      if (!after.empty()) {
        return "message " + std::to_string(i) + " is not at " + std::to_string(at) + " of " +
               std::to_string(now.size());
      }
    }
    if (now.substr(at) != foreign) return "at the end stands: " + now.substr(at, 300);
    return {};
  }

  // Messages that stand there neither as before nor as after, but for the one that begins so.
  [[nodiscard]] std::string missing(const std::string& but) const {
    const std::string now = slurp(path());
    std::string names;
    for (std::size_t i = 0; i < mail_.messages.size(); ++i) {
      const auto& [before, after] = mail_.messages[i];
      // Without the From_ line: a header field may have been added behind it.
      const auto body_of = [](const std::string& text) { return text.substr(text.find("\nline")); };
      if (now.find(body_of(before)) == std::string::npos && !after.empty() &&
          !before.starts_with(but)) {
        names += " " + std::to_string(i);
      }
    }
    return names;
  }

 private:
  TemporaryHome home_;
  ManualClock clock_{WallTime{std::chrono::seconds{1'700'000'000}}};
  std::uint64_t window_;
  const Mail& mail_;
};

class Windows : public testing::Test {
 protected:
  void SetUp() override {
    faults::kill_by_throwing(true);
    sync_observer = note_sync;
  }
  void TearDown() override {
    faults::arm("");
    faults::kill_by_throwing(false);
    durable_files = nullptr;
    sync_observer = nullptr;
  }
};

constexpr std::uint64_t kWindows[] = {300, 1000, 6000, 1U << 20U};
bool tries_all() { return std::getenv("TUBEPOST_ALL_FAULTS") != nullptr; }

TEST_F(Windows, AreDoneWithoutAFault) {
  for (const auto& what : kCases) {
    for (const auto window : kWindows) {
      Scene scene{what, window};
      expect_ok(scene.rewrite());
      EXPECT_EQ(scene.fault({}, true), "") << what.name << ", windows of " << window;
      for (const auto& file : {scene.files()[2], scene.files()[3]}) {
        EXPECT_LE(slurp(file).size(), 1U) << file;  // no mail stays in them
      }
    }
  }
}

TEST_F(Windows, AWindowIsNotLongerThanAskedForAndASplice) {
  Scene scene{kCases[1], 500};
  const std::vector<Splice> splices{{10, 20, "abc"}, {700, 2000, {}}, {3000, 3001, "x"}};
  const Pass pass = mbox::plan_leftwards(splices, 5000, 500);
  EXPECT_EQ(pass.new_end, 5000U - 7 - 1300);
  std::uint64_t behind = 10;
  for (const auto& window : pass.windows) {
    EXPECT_LE(window.length, 500U);
    EXPECT_EQ(window.at, behind);
    EXPECT_GE(window.hole.end, window.hole.begin);
    behind = window.at + window.length;
    EXPECT_LE(behind, window.hole.end);  // what it overwrites has been read
  }
  EXPECT_EQ(behind, pass.new_end);
}

// Every call, killed or failed; then another program appends, or not; then the next opener, killed
// itself too.
TEST_F(Windows, ACrashAtAnyCallLosesAndDoublesNothing) {
  std::size_t runs = 0;
  for (const auto& what : kCases) {
    for (const auto window : kWindows) {
      for (const std::string action :
           {"kill", "torn", "after", "short", "ENOSPC", "EDQUOT", "EIO"}) {
        const std::size_t step = tries_all() ? 1 : 61;
        for (std::size_t nth = 1 + (tries_all() ? 0 : (runs + action.size()) % 61);; nth += step) {
          Scene scene{what, window};
          bool done = false;
          const bool reached = run(action, nth, [&] { done = scene.rewrite().has_value(); });
          const std::string foreign = ++runs % 2 == 0 ? std::string{} : kForeign;
          spill_behind(scene.path(), foreign);
          const std::string where = what.name + ", windows of " + std::to_string(window) + ", " +
                                    action + " at call " + std::to_string(nth) +
                                    (foreign.empty() ? "" : ", appended to");
          if (runs % 3 != 0)
            run(runs % 3 == 1 ? "kill" : "torn", 1 + runs / 3 % 40,
                [&] { static_cast<void>(scene.recover()); });
          expect_ok(scene.recover());
          ASSERT_EQ(scene.fault(foreign, done), "") << where;
          ASSERT_FALSE(scene.was_set_aside()) << where;
          ASSERT_LT(nth, 5000U);
          if (!reached) break;
        }
      }
    }
  }
}

// What a power loss may leave of a file of which `durable` was synced and `now` written: of each
// page the one or the other, and either length.
std::string after_power_loss(const std::string& durable, const std::string& now,
                             std::mt19937& random) {
  constexpr std::size_t kPage = 4096;
  std::string left = random() % 2 == 0 ? durable : now;
  const std::size_t size = left.size();
  for (std::size_t at = 0; at < size; at += kPage) {
    const std::string& from = random() % 2 == 0 ? durable : now;
    for (std::size_t i = at; i < std::min(at + kPage, size); ++i) {
      left[i] = i < from.size() ? from[i] : i < durable.size() ? durable[i] : '\0';
    }
  }
  return left;
}

TEST_F(Windows, APowerLossAtAnyCallLosesAndDoublesNothing) {
  std::mt19937 random{11};
  std::size_t runs = 0;
  for (const auto& what : kCases) {
    for (const auto window : kWindows) {
      const std::size_t step = tries_all() ? 1 : 43;
      for (std::size_t nth = 1 + (tries_all() ? 0 : runs % 43);; nth += step) {
        Scene scene{what, window};
        std::map<std::string, std::string> durable{{scene.path(), scene.octets()}};
        const auto lose_power = [&] {
          durable_files = nullptr;
          for (const auto& file : scene.files()) {
            if (!std::filesystem::exists(file)) continue;
            const std::string now = slurp(file);
            std::string left = after_power_loss(durable[file], now, random);
            // The log only grows: a part of what was added.
            if (file == scene.log_path()) {
              left = now.substr(0, std::max(durable[file].size(), random() % (now.size() + 1)));
            }
            spill(file, left);
            durable[file] = left;
          }
        };
        durable_files = &durable;
        const bool reached = run("kill", nth, [&] { static_cast<void>(scene.rewrite()); });
        lose_power();
        const std::string foreign = ++runs % 2 == 0 ? std::string{} : kForeign;
        spill_behind(scene.path(), foreign);
        durable[scene.path()] = slurp(scene.path());
        const std::string where = what.name + ", windows of " + std::to_string(window) +
                                  ", power lost at call " + std::to_string(nth) +
                                  (foreign.empty() ? "" : ", appended to");
        if (runs % 3 == 0) {
          durable_files = &durable;
          run("kill", 1 + runs / 3 % 60, [&] { static_cast<void>(scene.recover()); });
          lose_power();
        }
        expect_ok(scene.recover());
        ASSERT_EQ(scene.fault(foreign, false), "") << where;
        ASSERT_FALSE(scene.was_set_aside()) << where;
        if (!reached) break;
      }
    }
  }
}

// Another program rewrites the mbox between our death and the next opener: it is left as it is and
// our window set aside, or what it did can be told from ours and stays.
TEST_F(Windows, AForeignRewriteInBetweenIsNotWrittenOver) {
  std::size_t set_aside = 0;
  for (const auto& what : kCases) {
    for (const std::uint64_t window : {300U, 1000U, 6000U}) {
      for (std::size_t nth = 1;; nth += tries_all() ? 3 : 31) {
        Scene scene{what, window};
        const bool reached = run("after", nth, [&] { static_cast<void>(scene.rewrite()); });
        const std::string left = slurp(scene.path());
        if (left.size() < 2000) break;  // all is gone already
        std::string theirs = left;
        const std::size_t second = left.find("\nFrom m") + 1;
        switch (nth % 4) {
          case 0:
            theirs.erase(0, second);
            break;
          case 1:
            theirs.resize(left.size() * 2 / 3);
            break;
          case 2:
            theirs.insert(left.find('\n') + 1, "Status: ROD\n");
            break;
          default:
            theirs = theirs.substr(second) + theirs.substr(0, second);
            break;
        }
        spill(scene.path(), theirs);
        expect_ok(scene.recover());
        const std::string where = what.name + ", windows of " + std::to_string(window) +
                                  ", killed after call " + std::to_string(nth);
        if (scene.was_set_aside()) {
          ++set_aside;
          ASSERT_EQ(slurp(scene.path()), theirs) << where;
        } else if (nth % 4 == 0 || nth % 4 == 2) {
          ASSERT_EQ(scene.missing(nth % 4 == 0 ? left.substr(0, left.find('@') + 1) : "-"), "")
              << where;
        }
        if (!reached) break;
      }
    }
  }
  EXPECT_GT(set_aside, 10U);
}

// Messages of a mailbox with its UIDs: the session that folds goes on with the places it knows.
TEST_F(Windows, ASessionKnowsWhereEverythingLiesAfterwards) {
  for (const std::uint64_t window : {500U, 1U << 20U}) {
    MboxFixture fixture;
    fixture.settings().rewrite_window = window;
    const auto store = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    std::map<Uid, std::string> expected;
    std::mt19937 random{5};
    for (int i = 0; i < 40; ++i) {
      const std::string text =
          "N: " + std::to_string(i) + "\nStatus: R\n\n" + std::string(random() % 900, 'b') + "\n";
      expected[add(*box, text)] = to_wire(std::regex_replace(text, std::regex("Status: R\n"), ""));
    }
    for (int round = 0; round < 6; ++round) {
      std::vector<Uid> gone;
      for (const auto& [uid, text] : expected) {
        if (random() % 5 == 0) gone.push_back(uid);
        Flags flags;
        flags.set(Flag::Seen, random() % 2 == 0);
        flags.set(Flag::Flagged, random() % 2 == 0);
        if (random() % 3 == 0) flags.set_keyword(std::string(1 + random() % 20, 'k'));
        if (random() % 3 == 0) expect_ok(box->change(set_flags(uid, flags)));
      }
      if (round % 3 == 0) gone.clear();
      for (const Uid uid : gone) expected.erase(uid);
      expect_ok(box->change(expunge(gone)));
      expect_ok(box->fold());
      if (round == 4) expected[add(*box, "late: 1\n\nx\n")] = "late: 1\r\n\r\nx\r\n";
      const auto other = fixture.open();
      const auto fresh = expect_ok(other->open("INBOX"));
      const auto known = all(*box);
      EXPECT_EQ(known, all(*fresh));
      ASSERT_EQ(known.size(), expected.size());
      for (const auto& info : known) {
        ASSERT_EQ(body(*box, info.uid, View::Wire), expected.at(info.uid));
        ASSERT_EQ(body(*fresh, info.uid, View::Wire), expected.at(info.uid));
        ASSERT_EQ(body(*box, info.uid), body(*fresh, info.uid));
      }
    }
  }
}

// No room for a window: what is expunged is hidden at once and goes when there is room.
TEST_F(Windows, AnExpungeIsAcknowledgedWhereThereIsNoRoom) {
  MboxFixture fixture;
  const auto store = fixture.open();
  const auto box = expect_ok(store->open("INBOX"));
  const Uid first = add(*box, "A: 1\n\none\n");
  const Uid second = add(*box, "B: 2\n\ntwo\n");
  expect_ok(box->status());
  const std::string before = slurp(fixture.inbox());
  // The log's line is the first write; the side file's is the second.
  faults::arm("write:2+:ENOSPC");
  expect_ok(box->change(expunge({first})));
  faults::arm("");
  EXPECT_EQ(slurp(fixture.inbox()), before);
  EXPECT_EQ(all(*box).size(), 1U);
  EXPECT_EQ(all(*expect_ok(fixture.open()->open("INBOX"))).size(), 1U);
  expect_ok(box->fold());
  EXPECT_LT(slurp(fixture.inbox()).size(), before.size());
  EXPECT_EQ(body(*box, second), "B: 2\n\ntwo\n");
}

// One call cuts the last messages off. Power goes when the page that it emptied is on the disk and
// the new length is not.
TEST_F(Windows, ACutThatLostItsLengthIsCutAgain) {
  for (const std::size_t size : {10U, 5000U}) {  // in the first one's page, or behind it
    MboxFixture fixture;
    const auto store = fixture.open();
    const auto box = expect_ok(store->open("INBOX"));
    const Uid first = add(*box, "A: 1\n\none\n");
    const auto cut = std::filesystem::file_size(fixture.inbox());
    const Uid second = add(*box, "B: 2\n\n" + std::string(size, 'b') + "\n");
    all(*box);
    const std::string before = slurp(fixture.inbox());
    faults::arm("truncate:1:after");
    EXPECT_THROW(static_cast<void>(box->change(expunge({second}))), faults::Killed);
    faults::arm("");
    ASSERT_EQ(std::filesystem::file_size(fixture.inbox()), cut);
    std::string left = before;
    const auto end = std::min<std::size_t>(left.size(), 4096);
    left.replace(cut, end - cut, end - cut, '\0');
    spill(fixture.inbox(), left);
    const auto after = fixture.open();
    const auto fresh = expect_ok(after->open("INBOX"));
    const auto messages = all(*fresh);
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages.front().uid, first);
    EXPECT_EQ(body(*fresh, first), "A: 1\n\none\n");
    expect_ok(fresh->fold());
    EXPECT_EQ(slurp(fixture.inbox()), before.substr(0, cut));
  }
}

TEST_F(Windows, ALogThatIsCompactedKeepsTheOpenOne) {
  State state;
  EXPECT_TRUE(state.apply("window ab12 1 20 30 4"));
  ASSERT_TRUE(state.rewrite);
  EXPECT_EQ(state.rewrite->id, 0xab12U);
  EXPECT_EQ(state.rewrite->new_end, 30U);
  std::string last;
  put_lines(state, 0, 0, [&](const std::string& line) { last = line; });
  EXPECT_EQ(last, "window ab12 1 20 30 4");
  EXPECT_TRUE(state.apply("rewritten"));
  EXPECT_FALSE(state.rewrite);
  EXPECT_FALSE(state.apply("window ab12 1 20"));
}

TEST_F(Windows, ALogOfBeforeIsNotFollowed) {
  Scene scene{kCases[0], 1000};
  {
    ManualClock clock{WallTime{std::chrono::seconds{1'700'000'000}}};
    StateLog log{scene.log_path(), clock, {}};
    const auto guard = expect_ok(log.lock());
    const std::string line = "rewrite 1 2 3 4 5";
    std::string sum(8, '0');
    std::snprintf(sum.data(), 9, "%08x", static_cast<unsigned>(hash_of(line)));
    spill_behind(scene.log_path(), sum + " " + line + "\n");
  }
  expect_ok(scene.recover());
  EXPECT_EQ(slurp(scene.path()), scene.octets());
  expect_ok(scene.rewrite());
  EXPECT_EQ(scene.fault({}, true), "");
}

}  // namespace
}  // namespace mail::store

#endif
