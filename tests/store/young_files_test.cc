// A copy within a Maildir is a link (docs/maildir.md): which octets of another program's file are
// held to be on the disk, by the file's times. Those are the kernel's, so it is the clock that
// moves.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <set>

#include "tests/store/disk_fixture.h"
#include "tests/store/sync_observer.h"

namespace mail::store {
namespace {

constexpr time_t kLater = 121;  // seconds: two minutes are over
constexpr time_t kYet = 120;

class YoungFiles : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"cur", "new", "tmp"}) {
      std::filesystem::create_directories(fixture_.root() + "/" + name);
    }
  }
  void TearDown() override { sync_observer = nullptr; }

  [[nodiscard]] std::string path(const std::string& name) const {
    return fixture_.root() + "/cur/" + name;
  }
  // As another program puts it there.
  void put(const std::string& name, std::size_t size = 10) const {
    spill(path(name), "Subject: " + name + "\n\n" + std::string(size, 'x') + "\n");
  }
  void set_time_back(const std::string& name) const {
    const std::array<::timespec, 2> long_ago{{{1'600'000'000, 0}, {1'600'000'000, 0}}};
    EXPECT_EQ(::utimensat(AT_FDCWD, path(name).c_str(), long_ago.data(), 0), 0);
  }
  [[nodiscard]] struct ::statx times_of(const std::string& name) const {
    struct ::statx times {};
    EXPECT_EQ(::statx(AT_FDCWD, path(name).c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &times), 0);
    return times;
  }
  [[nodiscard]] time_t changed(const std::string& name) const {
    return times_of(name).stx_ctime.tv_sec;
  }
  void set_clock(time_t seconds) {
    fixture_.clock().advance(WallTime{std::chrono::seconds(seconds)} - fixture_.clock().now());
  }
  // What a copy would be told of it.
  bool may_be_lost(const std::string& name, time_t now) {
    set_clock(now);
    const auto store = fixture_.open();
    const auto box = expect_ok(store->open("INBOX"));
    for (const auto& info : all(*box)) {
      const auto reader = expect_ok(box->open(info.uid, View::Stored));
      struct ::stat status {};
      EXPECT_EQ(::fstat(reader->file()->fd.get(), &status), 0);
      if (status.st_ino == times_of(name).stx_ino) return reader->file()->may_be_lost;
    }
    ADD_FAILURE() << name << " is no message";
    return false;
  }
  // Whether a copy of all waits for its octets.
  bool is_synced_by_a_copy(const std::string& name, time_t now) {
    set_clock(now);
    const auto store = fixture_.open();
    const auto box = expect_ok(store->open("INBOX"));
    const auto target = expect_ok(store->open("target"));
    const auto messages = all(*box);
    std::set<ino_t> synced;
    sync_observer = [&](int fd) {
      struct ::stat status {};
      if (::fstat(fd, &status) == 0) synced.insert(status.st_ino);
    };
    expect_ok(append_copies(*box, messages, *target));
    sync_observer = nullptr;
    EXPECT_EQ(all(*target).size() % messages.size(), 0U);
    return synced.contains(times_of(name).stx_ino);
  }

  MaildirFixture fixture_;
};

TEST_F(YoungFiles, AreThoseChangedWithinTwoMinutes) {
  const std::string name = "1.x.host:2,";
  put(name);
  EXPECT_TRUE(may_be_lost(name, changed(name)));
  EXPECT_TRUE(may_be_lost(name, changed(name) + kYet));
  EXPECT_FALSE(may_be_lost(name, changed(name) + kLater));
  EXPECT_TRUE(may_be_lost(name, changed(name) - 3600)) << "the clock was set back";
}

TEST_F(YoungFiles, OurOwnAreNot) {
  const auto store = fixture_.open();
  const auto box = expect_ok(store->open("INBOX"));
  const Uid uid = add(*box, kMessage);
  set_clock(::time(nullptr));
  EXPECT_FALSE(expect_ok(box->open(uid, View::Stored))->file()->may_be_lost);
}

// A flag is a change of the file, but not of its octets.
TEST_F(YoungFiles, ARenamedOneIsAsOldAsItsOctets) {
  put("1.small.host:2,");
  put("2.long.host:2,", 1UL << 20U);
  put("3.written.host:2,");
  for (const char* name : {"1.small.host:2,", "2.long.host:2,", "3.written.host:2,"}) {
    set_time_back(name);
  }
  const auto times = times_of("1.small.host:2,");
  if ((times.stx_mask & STATX_BTIME) == 0) GTEST_SKIP() << "no times of birth here";
  const time_t made = times.stx_btime.tv_sec;
  // Its time alone proves nothing: whoever wrote it has set it back.
  EXPECT_TRUE(may_be_lost("1.small.host:2,", made + kYet));
  ::usleep(1'100'000);  // until a change is of another second
  for (const std::string name : {"1.small.host:2,", "2.long.host:2,", "3.written.host:2,"}) {
    std::filesystem::rename(path(name), path(name + "S"));
  }
  spill_behind(path("3.written.host:2,S"), "more\n");
  const time_t renamed = changed("1.small.host:2,S");
  ASSERT_GT(renamed, made);
  EXPECT_FALSE(may_be_lost("1.small.host:2,S", renamed + kYet));
  EXPECT_TRUE(may_be_lost("1.small.host:2,S", made + kYet));
  // Long in writing, perhaps until just now.
  EXPECT_TRUE(may_be_lost("2.long.host:2,S", changed("2.long.host:2,S") + kYet));
  EXPECT_FALSE(may_be_lost("2.long.host:2,S", changed("2.long.host:2,S") + kLater));
  EXPECT_TRUE(may_be_lost("3.written.host:2,S", changed("3.written.host:2,S") + kYet));
}

TEST_F(YoungFiles, AreWaitedForByACopy) {
  expect_ok(fixture_.open()->create("target"));
  const std::string name = "1.x.host:2,";
  put(name);
  EXPECT_FALSE(is_synced_by_a_copy(name, changed(name) + kLater));
  EXPECT_TRUE(is_synced_by_a_copy(name, changed(name) + kYet));
}

}  // namespace
}  // namespace mail::store
