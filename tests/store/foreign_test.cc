// What other programs do to a mailbox while we have it open, and between two sessions: noticed at
// the next look, at the cost of the change, and never another body under a UID.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/store/disk_fixture.h"
#include "tests/store/spoilt_call.h"

namespace mail::store {
namespace {

namespace fs = std::filesystem;

// The rights of root over others' files are left aside while it lives.
class AsOrdinaryUser {
 public:
  AsOrdinaryUser() { set(false); }
  AsOrdinaryUser(const AsOrdinaryUser&) = delete;
  AsOrdinaryUser& operator=(const AsOrdinaryUser&) = delete;
  ~AsOrdinaryUser() { set(true); }

 private:
  static void set(bool on) {
    struct ::__user_cap_header_struct header {
      _LINUX_CAPABILITY_VERSION_3, 0
    };
    struct ::__user_cap_data_struct data[2]{};
    ::syscall(SYS_capget, &header, data);
    const auto rights = (1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH);
    data[0].effective =
        on ? data[0].effective | (data[0].permitted & rights) : data[0].effective & ~rights;
    ::syscall(SYS_capset, &header, data);
  }
};

using Bodies = std::map<std::uint32_t, std::string>;

Bodies by_uid(Mailbox& box) {
  Bodies found;
  for (const auto& info : all(box)) {
    found[info.uid.value] = body(box, info.uid);
    EXPECT_EQ(body(box, info.uid, View::Wire).size(), size_of(box, info.uid));
  }
  return found;
}

// Takes down what each UID was, and holds it against what it is.
class Memory {
 public:
  void check(const Bodies& now) {
    for (const auto& [uid, octets] : now) {
      const auto [known, is_new] = bodies_.emplace(uid, octets);
      EXPECT_EQ(known->second, octets) << uid;
      EXPECT_TRUE(!is_new || known->first == bodies_.rbegin()->first) << uid;  // UIDs ascend
    }
  }

 private:
  Bodies bodies_;
};

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  return texts;
}

std::string text(int number) {
  return "Subject: " + std::to_string(number) + "\n\nbody of " + std::to_string(number) + "\n";
}

// -- mbox

constexpr std::string_view kFrom = "From ann@example.org Thu Nov 26 10:00:00 2026\n";

class ForeignMbox : public testing::Test {
 protected:
  static std::string file_of(const std::vector<std::string>& messages) {
    std::string octets;
    for (const auto& one : messages) octets += std::string(kFrom) + one + "\n";
    return octets;
  }
  // The open session and one that begins now see the same, and what is in the file.
  void check(const std::vector<std::string>& messages, const char* what) {
    SCOPED_TRACE(what);
    const auto seen = by_uid(*box_);
    memory_.check(seen);
    const auto store = fixture_.open();
    EXPECT_EQ(by_uid(*expect_ok(store->open("INBOX"))), seen);
    std::vector<std::string> found;
    for (const auto& [uid, octets] : seen) found.push_back(octets);
    EXPECT_EQ(sorted(found), sorted(messages));
  }
  void put(const std::vector<std::string>& messages) { spill(fixture_.inbox(), file_of(messages)); }
  MboxFixture fixture_;
  std::unique_ptr<MailStore> store_ = fixture_.open();
  std::unique_ptr<Mailbox> box_ = expect_ok(store_->open("INBOX"));
  Memory memory_;
};

TEST_F(ForeignMbox, ChangesOneByOne) {
  const std::vector<std::string> three = {text(1), text(2), text(3)};
  put(three);
  check(three, "at first");
  spill_behind(fixture_.inbox(), file_of({text(4)}));
  check({text(1), text(2), text(3), text(4)}, "appended");
  put({text(1), "Subject: 2\n\nedited\n", text(3), text(4)});
  check({text(1), "Subject: 2\n\nedited\n", text(3), text(4)}, "edited in the middle");
  put({text(1), text(4)});
  check({text(1), text(4)}, "two dropped by another program");
  put({text(4), text(1)});
  check({text(4), text(1)}, "sorted");
  const auto before = by_uid(*box_);
  // rsync and editors put a new file in its place.
  spill(fixture_.inbox() + ".new", slurp(fixture_.inbox()));
  fs::rename(fixture_.inbox() + ".new", fixture_.inbox());
  check({text(4), text(1)}, "replaced by a copy");
  EXPECT_EQ(by_uid(*box_), before);
  put({text(1)});
  fs::resize_file(fixture_.inbox(), file_of({text(1)}).size() - 6);
  check({text(1).substr(0, text(1).size() - 5) + "\n"}, "cut off in a message");
  fs::resize_file(fixture_.inbox(), 0);
  check({}, "emptied");
  fs::remove(fixture_.inbox());
  check({}, "removed");
  put(three);
  check(three, "restored from a backup");
}

// mutt writes Status and X-Status into the middle: every message behind moves.
TEST_F(ForeignMbox, FlagsOfMutt) {
  put({text(1), text(2), text(3)});
  const auto before = by_uid(*box_);
  const auto head = [](int number, const std::string& fields) {
    return "Subject: " + std::to_string(number) + "\n" + fields + "\nbody of " +
           std::to_string(number) + "\n";
  };
  put({head(1, "Status: RO\n"), head(2, "Status: O\nX-Status: AF\nContent-Length: 10\nLines: 1\n"),
       head(3, "")});
  const auto messages = all(*box_);
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_TRUE(messages.at(0).flags.has(Flag::Seen));
  EXPECT_TRUE(messages.at(1).flags.has(Flag::Answered) && messages.at(1).flags.has(Flag::Flagged));
  EXPECT_EQ(messages.at(2).flags, Flags{});
  for (const auto& info : messages) {
    EXPECT_TRUE(before.contains(info.uid.value));
    const auto wire = body(*box_, info.uid, View::Wire);
    EXPECT_NE(wire.find("body of " + std::to_string(info.uid.value)), std::string::npos);
  }
}

// The same size, and the same mtime put back: ctime tells.
TEST_F(ForeignMbox, TouchedSoThatSizeAndTimeAreTheSame) {
  put({text(1), text(2)});
  const auto before = by_uid(*box_);
  const auto status = expect_ok(sys::stat(fixture_.inbox()));
  std::string octets = file_of({text(1), text(2)});
  octets.replace(octets.find("body of 2"), 9, "other two");
  const int fd = ::open(fixture_.inbox().c_str(), O_WRONLY);
  ASSERT_EQ(::pwrite(fd, octets.data(), octets.size(), 0), static_cast<ssize_t>(octets.size()));
  const struct ::timespec times[2] = {status.st_atim, status.st_mtim};
  ::futimens(fd, times);
  ::close(fd);
  const auto after = by_uid(*box_);
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after.begin()->first, before.begin()->first);
  EXPECT_FALSE(before.contains(after.rbegin()->first));
  check({text(1), "Subject: 2\n\nother two\n"}, "touched");
}

// A message altered where it lies, to the octet as long as before, and another behind the last one:
// only what has grown is read, yet no UID gets another body.
TEST_F(ForeignMbox, AlteredInPlaceAndGrown) {
  for (const bool is_known : {true, false}) {
    put({text(1), text(2), text(3)});
    const auto before = by_uid(*box_);
    if (is_known) ::usleep(120'000);
    EXPECT_EQ(all(*box_).size(), 3U);
    std::string octets = slurp(fixture_.inbox()) + file_of({text(4)});
    octets.replace(octets.find("body of 2"), 9, is_known ? "other two" : "again two");
    const int fd = ::open(fixture_.inbox().c_str(), O_WRONLY);
    ASSERT_EQ(::pwrite(fd, octets.data(), octets.size(), 0), static_cast<ssize_t>(octets.size()));
    ::close(fd);
    for (const auto& info : all(*box_)) {
      const auto reader = box_->open(info.uid, View::Stored);
      if (!reader) continue;  // gone: the next look tells
      const auto found = before.find(info.uid.value);
      if (found == before.end()) continue;
      const auto read = read_all(**reader);
      EXPECT_TRUE(!read || *read == found->second) << info.uid.value << *read;
    }
    check({text(1), octets.substr(octets.find("Subject: 2"), text(2).size()), text(3), text(4)},
          "afterwards");
  }
}

// Nor is another message expunged in its place, or a flag written into the middle of it.
TEST_F(ForeignMbox, AlteredInPlaceAndGrownBeforeAFold) {
  put({text(1), text(2), text(3)});
  EXPECT_EQ(all(*box_).size(), 3U);
  ::usleep(120'000);
  EXPECT_EQ(all(*box_).size(), 3U);
  // The second's header section ends earlier now.
  const std::string second = "Subject:\n\n2body of two\n";
  ASSERT_EQ(second.size(), text(2).size() + 1);
  std::string octets = slurp(fixture_.inbox()) + file_of({text(4)});
  const std::string altered = second.substr(0, second.size() - 2) + "\n";
  octets.replace(octets.find(text(2)), text(2).size(), altered);
  const int fd = ::open(fixture_.inbox().c_str(), O_WRONLY);
  ASSERT_EQ(::pwrite(fd, octets.data(), octets.size(), 0), static_cast<ssize_t>(octets.size()));
  ::close(fd);
  Flags seen;
  seen.set(Flag::Seen);
  expect_ok(box_->change(set_flags(Uid{2}, seen)));
  expect_ok(box_->change(expunge({Uid{1}})));
  expect_ok(box_->fold());
  const auto found = sorted(bodies(*box_));
  EXPECT_EQ(found.size(), 3U);
  EXPECT_TRUE(std::ranges::count(found, altered) == 1 ||
              std::ranges::count(found, "Subject:\nStatus: R\n\n" + altered.substr(10)) == 1)
      << testing::PrintToString(found);
  EXPECT_EQ(std::ranges::count(found, text(3)), 1);
  EXPECT_EQ(std::ranges::count(found, text(4)), 1);
}

TEST_F(ForeignMbox, HundredsAtRandom) {
  std::mt19937 random(7);
  std::vector<std::string> messages;
  int number = 0;
  for (int step = 0; step < 150; ++step) {
    const auto what = messages.size() < 3 ? 0 : random() % 7;
    const auto at = messages.empty() ? 0 : random() % messages.size();
    const auto place = messages.begin() + static_cast<std::ptrdiff_t>(at);
    if (what <= 1) {
      messages.push_back(text(++number));
      spill_behind(fixture_.inbox(), file_of({messages.back()}));
      check(messages, "appended");
      continue;
    }
    if (what == 2) messages.erase(place);
    if (what == 3) messages.insert(place, text(++number));
    if (what == 4) *place = text(++number);
    if (what == 5) std::ranges::shuffle(messages, random);
    if (what == 6) messages.resize(at);
    if (random() % 2 == 0) fs::remove(fixture_.inbox());  // another inode, or the same
    put(messages);
    check(messages, "written anew");
    if (random() % 4 == 0 && !messages.empty()) {  // and ours between theirs
      messages.push_back(text(++number));
      add(*box_, messages.back());
    }
  }
}

TEST_F(ForeignMbox, GrowthCostsWhatHasGrown) {
  std::vector<std::string> messages;
  for (int i = 0; i < 3000; ++i) messages.push_back(text(i) + std::string(400, 'x') + "\n");
  put(messages);
  EXPECT_EQ(all(*box_).size(), messages.size());
  ::usleep(120'000);  // until its times hide nothing
  EXPECT_EQ(all(*box_).size(), messages.size());
  EXPECT_EQ(calls("read", [&] { all(*box_); }), 1U);  // the log's end
  spill_behind(fixture_.inbox(), file_of({text(1)}));
  EXPECT_LT(calls("read", [&] { EXPECT_EQ(all(*box_).size(), messages.size() + 1); }), 10U);
}

TEST_F(ForeignMbox, WhatIsNoFileIsNoMailbox) {
  ASSERT_EQ(::mkfifo(fixture_.inbox().c_str(), 0600), 0);  // and nobody waits for its writer
  EXPECT_FALSE(box_->since(ModSeq{0}));
  StringSource source{kMessage};
  EXPECT_FALSE(box_->append(source, {}));
  fs::remove(fixture_.inbox());
  fs::create_directory(fixture_.inbox());
  EXPECT_FALSE(box_->since(ModSeq{0}));
  fs::remove(fixture_.inbox());
  spill(fixture_.home() + "/other", file_of({text(1)}));
  fs::create_symlink(fixture_.home() + "/other", fixture_.inbox());
  EXPECT_FALSE(box_->append(source, {}));
  EXPECT_EQ(slurp(fixture_.home() + "/other"), file_of({text(1)}));
  fs::remove(fixture_.inbox());
  put({text(1)});
  check({text(1)}, "a file again");
}

TEST_F(ForeignMbox, OneThatMayNotBeReadIsNotEmpty) {
  put({text(1), text(2)});
  const auto before = by_uid(*box_);
  const auto octets = slurp(fixture_.inbox());
  for (const mode_t mode : {0000U, 0200U}) {
    ::chmod(fixture_.inbox().c_str(), mode);
    const AsOrdinaryUser ordinary;
    const auto store = fixture_.open();
    EXPECT_EQ(expect_ok(store->open("INBOX"))->since(ModSeq{0}).error().code, Errc::Denied);
  }
  ::chmod(fixture_.inbox().c_str(), 0400);  // to be read only: flags stay in the log
  {
    const AsOrdinaryUser ordinary;
    const auto store = fixture_.open();
    const auto box = expect_ok(store->open("INBOX"));
    EXPECT_EQ(by_uid(*box), before);
    Flags seen;
    seen.set(Flag::Seen);
    expect_ok(box->change(set_flags(all(*box).front().uid, seen)));
    static_cast<void>(box->fold());
    EXPECT_TRUE(all(*box).front().flags.has(Flag::Seen));
  }
  EXPECT_EQ(slurp(fixture_.inbox()), octets);
  ::chmod(fixture_.inbox().c_str(), 0600);
  EXPECT_TRUE(all(*box_).front().flags.has(Flag::Seen));
}

// -- Maildir

class ForeignMaildir : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"cur", "new", "tmp"}) fs::create_directories(root(name));
  }
  [[nodiscard]] std::string root(const std::string& below) const {
    return fixture_.root() + "/" + below;
  }
  void put(const std::string& place, const std::string& octets) const {
    spill(root("tmp/delivery"), octets);
    fs::rename(root("tmp/delivery"), root(place));
  }
  void check(std::vector<std::string> messages, const char* what) {
    SCOPED_TRACE(what);
    const auto seen = by_uid(*box_);
    memory_.check(seen);
    const auto store = fixture_.open();
    EXPECT_EQ(by_uid(*expect_ok(store->open("INBOX"))), seen);
    std::vector<std::string> found;
    for (const auto& [uid, octets] : seen) found.push_back(octets);
    EXPECT_EQ(sorted(found), sorted(std::move(messages)));
  }
  MaildirFixture fixture_;
  std::unique_ptr<MailStore> store_ = fixture_.open();
  std::unique_ptr<Mailbox> box_ = expect_ok(store_->open("INBOX"));
  Memory memory_;
};

TEST_F(ForeignMaildir, ChangesOneByOne) {
  put("new/1.a.host", text(1));
  put("cur/2.b.host", text(2));  // without flags, as Courier leaves some
  put("cur/3.c.host:2,FS", text(3));
  check({text(1), text(2), text(3)}, "at first");
  const auto before = all(*box_);
  EXPECT_TRUE(before.at(2).flags.has(Flag::Seen) && before.at(2).flags.has(Flag::Flagged));
  fs::rename(root("new/1.a.host"), root("cur/1.a.host:2,S"));  // mutt
  fs::rename(root("cur/2.b.host"), root("cur/2.b.host:2,RT"));
  check({text(1), text(2), text(3)}, "other names");
  EXPECT_TRUE(all(*box_).at(1).flags.has(Flag::Deleted));
  fs::copy_file(root("cur/3.c.host:2,FS"), root("cur/4.d.host:2,FS"));
  check({text(1), text(2), text(3), text(3)}, "a copy under another name");
  fs::remove(root("cur/1.a.host:2,S"));
  check({text(2), text(3), text(3)}, "removed");
  put("new/1.a.host", text(5));  // a name that was used up: another message
  check({text(2), text(3), text(3), text(5)}, "a name used anew");
  for (const auto& entry : fs::directory_iterator(root("cur"))) fs::remove(entry.path());
  check({text(5)}, "all of cur");
}

TEST_F(ForeignMaildir, FilesRenamedBetweenListingAndOpening) {
  for (int i = 1; i <= 3; ++i) put("new/" + std::to_string(i) + ".x.host", text(i));
  const auto messages = all(*box_);
  const auto reader = expect_ok(box_->open(messages.at(2).uid, View::Stored));
  for (int i = 1; i <= 3; ++i) {
    const std::string name = std::to_string(i) + ".x.host";
    fs::rename(root("new/" + name), root("cur/" + name + ":2,S"));
  }
  EXPECT_EQ(body(*box_, messages.at(0).uid), text(1));
  fs::rename(root("cur/2.x.host:2,S"), root("cur/2.x.host:2,FS"));
  EXPECT_EQ(body(*box_, messages.at(1).uid), text(2));
  fs::remove(root("cur/3.x.host:2,S"));
  EXPECT_EQ(box_->open(messages.at(2).uid, View::Stored).error().code, Errc::NotFound);
  EXPECT_EQ(expect_ok(read_all(*reader)), text(3));  // whoever has begun goes on
  // Our flags on a file that is called otherwise by now.
  Flags flags;
  flags.set(Flag::Answered);
  fs::rename(root("cur/1.x.host:2,S"), root("cur/1.x.host:2,FS"));
  expect_ok(box_->change(set_flags(messages.at(0).uid, flags)));
  EXPECT_EQ(all(*box_).at(0).flags, flags);
  check({text(1), text(2)}, "afterwards");
}

TEST_F(ForeignMaildir, TwoFilesOfOneNameAreTwoMessages) {
  put("new/1.a.host", text(1));
  put("cur/1.a.host:2,S", text(2));
  put("cur/1.a.host:2,F", text(3));
  check({text(1), text(2), text(3)}, "new and twice in cur");
  const auto before = by_uid(*box_);
  check({text(1), text(2), text(3)}, "once more");
  EXPECT_EQ(by_uid(*box_), before);
  // Two names of one file are one message.
  put("new/2.b.host", text(4));
  fs::create_hard_link(root("new/2.b.host"), root("cur/2.b.host:2,S"));
  check({text(1), text(2), text(3), text(4)}, "a link");
}

TEST_F(ForeignMaildir, WhatIsNoMessageIsLeftOut) {
  put("cur/1.a.host:2,S", text(1));
  fs::create_directories(root("cur/2.directory/cur"));
  ASSERT_EQ(::mkfifo(root("cur/3.fifo:2,S").c_str(), 0600), 0);  // nobody waits for its writer
  ASSERT_EQ(::mkfifo(root("new/4.fifo").c_str(), 0600), 0);
  spill(fixture_.root() + "/secret", "secret\n");
  fs::create_symlink(fixture_.root() + "/secret", root("cur/5.link:2,S"));
  fs::create_symlink("/nonexistent", root("new/6.link"));
  fs::create_symlink("/dev/zero", root("new/7.device"));
  put("cur/.hidden", text(2));
  put("new/8.line\nfeed", text(3));
  put("new/9.z.host", text(4));
  check({text(1), text(4)}, "strange files");
  Flags flags;
  flags.set(Flag::Flagged);
  for (const auto& info : all(*box_)) expect_ok(box_->change(set_flags(info.uid, flags)));
  add(*box_, text(5));
  check({text(1), text(4), text(5)}, "with changes of ours");
  for (const char* name :
       {"cur/2.directory/cur", "cur/3.fifo:2,S", "new/4.fifo", "cur/.hidden", "new/8.line\nfeed"}) {
    EXPECT_TRUE(fs::exists(root(name))) << name;
  }
  // A known message whose file has become something else.
  const auto uid = all(*box_).front().uid;
  std::string place;
  for (const auto& entry : fs::directory_iterator(root("cur"))) {
    if (entry.path().filename().string().starts_with("1.a.")) place = entry.path();
  }
  fs::remove(place);
  ASSERT_EQ(::mkfifo(place.c_str(), 0600), 0);
  EXPECT_FALSE(box_->open(uid, View::Stored));
}

TEST_F(ForeignMaildir, OneThatMayNotBeReadKeepsNoOtherBack) {
  put("new/1.a.host", text(1));
  put("new/2.b.host", text(2));
  put("new/3.c.host", text(3));
  ::chmod(root("new/2.b.host").c_str(), 0000);
  put("new/4.d.host,W=30", text(4));
  ::chmod(root("new/4.d.host,W=30").c_str(), 0000);
  {
    const AsOrdinaryUser ordinary;
    const auto messages = all(*box_);
    ASSERT_EQ(messages.size(), 4U);
    EXPECT_EQ(body(*box_, messages.at(0).uid), text(1));
    EXPECT_EQ(box_->open(messages.at(1).uid, View::Stored).error().code, Errc::Denied);
    EXPECT_FALSE(measured(*box_, messages.at(1).uid).is_readable);
    EXPECT_FALSE(measured(*box_, messages.at(3).uid).is_readable);
    EXPECT_EQ(body(*box_, messages.at(2).uid), text(3));
    // One that was read before.
    ::chmod(root("new/3.c.host").c_str(), 0000);
    EXPECT_EQ(box_->open(messages.at(2).uid, View::Stored).error().code, Errc::Denied);
    EXPECT_EQ(size_of(*box_, messages.at(2).uid), to_wire(text(3)).size());
  }
  ::chmod(root("new/2.b.host").c_str(), 0600);
  ::chmod(root("new/3.c.host").c_str(), 0600);
  fs::rename(root("new/4.d.host,W=30"), root("new/4.d.host"));
  ::chmod(root("new/4.d.host").c_str(), 0600);
  check({text(1), text(2), text(3), text(4)}, "all may be read");
}

TEST_F(ForeignMaildir, ThousandsInNewCostOneReadingEachWhenItIsAskedFor) {
  constexpr std::size_t kMany = 3000;
  for (std::size_t i = 0; i < kMany; ++i) {
    spill(root("new/" + std::to_string(1000 + i) + ".x.host"), "Subject: x\n\nx\n");
  }
  EXPECT_LT(calls("open", [&] { EXPECT_EQ(all(*box_).size(), kMany); }), 30U);
  ::usleep(120'000);
  EXPECT_EQ(all(*box_).size(), kMany);
  const auto measure_all = [](Mailbox& box) {
    for (const auto& info : all(box)) EXPECT_EQ(size_of(box, info.uid), 17U);
  };
  const auto first = calls("open", [&] { measure_all(*box_); });
  EXPECT_GE(first, kMany);
  EXPECT_LT(first, kMany + 30);
  EXPECT_LT(calls("open", [&] { measure_all(*box_); }), 20U);
  expect_ok(box_->fold());
  {  // the next session knows them
    const auto store = fixture_.open();
    const auto box = expect_ok(store->open("INBOX"));
    EXPECT_LT(calls("open", [&] { measure_all(*box); }), 20U);
  }
  for (const char* call : {"open", "opendir"}) {
    EXPECT_EQ(calls(call, [&] { EXPECT_EQ(all(*box_).size(), kMany); }), 0U) << call;
  }
  put("new/9999.y.host", text(1));
  EXPECT_LT(calls("open", [&] { EXPECT_EQ(all(*box_).size(), kMany + 1); }), 20U);
  fs::rename(root("new/1000.x.host"), root("cur/1000.x.host:2,S"));
  EXPECT_LT(calls("open", [&] { EXPECT_TRUE(all(*box_).front().flags.has(Flag::Seen)); }), 20U);
}

TEST_F(ForeignMaildir, HundredsAtRandom) {
  std::mt19937 random(11);
  std::map<std::string, std::string> files;  // place, octets
  int number = 0;
  for (int step = 0; step < 150; ++step) {
    const auto what = files.size() < 3 ? 0 : random() % 6;
    auto chosen = files.begin();
    std::advance(chosen, files.empty() ? 0 : static_cast<long>(random() % files.size()));
    const auto base = [](const std::string& place) {
      return place.substr(4,
                          place.find(':') == std::string::npos ? place.npos : place.find(':') - 4);
    };
    if (what <= 2) {
      const std::string place = (what == 0 ? "new/" : "cur/") + std::to_string(++number) +
                                ".f.host" + (what == 1 ? ":2,S" : "");
      files[place] = text(number);
      put(place, files[place]);
    } else if (what == 3) {
      fs::remove(root(chosen->first));
      files.erase(chosen);
    } else if (what == 4) {
      const std::string to = "cur/" + base(chosen->first) + ":2," + (random() % 2 ? "F" : "RS");
      const auto octets = chosen->second;
      fs::rename(root(chosen->first), root(to));
      files.erase(chosen);
      files[to] = octets;
    } else {
      const std::string place = "new/" + std::to_string(++number) + ".copy.host";
      files[place] = chosen->second;
      put(place, files[place]);
    }
    std::vector<std::string> messages;
    for (const auto& [place, octets] : files) messages.push_back(octets);
    check(messages, "a step");
  }
}

}  // namespace
}  // namespace mail::store
