#include "libmail/counters/counter_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"

namespace mail::counters {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kHalfLife{600};
constexpr BootTime kNow{5'000'000};

class CounterTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::open("test", log::Sink::Discard);
    std::string pattern = ::testing::TempDir() + "tubepost-counters-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    path_ = dir_ + "/auth";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  CounterTable table() {
    auto opened = CounterTable::open(path_);
    EXPECT_TRUE(opened) << opened.error().log_text;
    return std::move(*opened);
  }
  static Key peer(const std::string& address) {
    return CounterTable::key_of(Kind::LoginPeer, *net::Address::parse(address));
  }
  void overwrite(std::uint64_t offset, const std::string& octets) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file << octets;
  }
  std::string dir_, path_;
};

TEST_F(CounterTableTest, CountsAndForgets) {
  const auto counters = table();
  const Key key = peer("192.0.2.1");
  EXPECT_EQ(counters.level(key, kHalfLife, kNow).value(), 0);
  EXPECT_EQ(counters.add(key, 1, kHalfLife, kNow).value(), 1);
  EXPECT_EQ(counters.add(key, 3, kHalfLife, kNow).value(), 4);
  EXPECT_NEAR(counters.level(key, kHalfLife, kNow + minutes(10)).value(), 2, 0.01);
  EXPECT_NEAR(counters.add(key, 1, kHalfLife, kNow + minutes(20)).value(), 2, 0.01);
  EXPECT_NEAR(counters.level(key, kHalfLife, kNow + hours(24)).value(), 0, 0.01);
  EXPECT_EQ(counters.add(key, -10, kHalfLife, kNow + minutes(20)).value(), 0);
  ASSERT_TRUE(counters.raise_to(key, 1, kHalfLife, kNow + minutes(21)));
  ASSERT_TRUE(counters.raise_to(key, 1, kHalfLife, kNow + minutes(21)));
  EXPECT_EQ(counters.level(key, kHalfLife, kNow + minutes(21)).value(), 1);
}

TEST_F(CounterTableTest, KeysAreKindsAndPrefixes) {
  const auto counters = table();
  EXPECT_EQ(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::9"));
  EXPECT_NE(peer("2001:db8:1:2::1").octets, peer("2001:db8:1:3::1").octets);
  EXPECT_NE(peer("192.0.2.1").octets, peer("192.0.2.2").octets);
  EXPECT_EQ(peer("192.0.2.1"), peer("::ffff:192.0.2.1"));
  // 192.0.2.1 and the prefix of the same octets are two.
  EXPECT_NE(peer("192.0.2.1").octets, peer("c000:201::").octets);
  ASSERT_TRUE(counters.add(peer("192.0.2.1"), 1, kHalfLife, kNow));
  EXPECT_EQ(
      counters
          .level(CounterTable::key_of(Kind::SmtpConnection, *net::Address::parse("192.0.2.1")),
                 kHalfLife, kNow)
          .value(),
      0);
  ASSERT_TRUE(counters.add(counters.key_of(Kind::LoginAccount, "boss"), 1, kHalfLife, kNow));
  EXPECT_EQ(counters.level(counters.key_of(Kind::LoginAccount, "boss"), kHalfLife, kNow).value(),
            1);
  EXPECT_EQ(counters.level(counters.key_of(Kind::LoginAccount, "bos"), kHalfLife, kNow).value(), 0);
}

TEST_F(CounterTableTest, IsOneFileOfFixedSizeForAllProcesses) {
  const auto first = table();
  struct ::stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, static_cast<off_t>(CounterTable::kFileOctets));
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  // Names hash alike in every process, since the seed lies in the file.
  const auto second = table();
  ASSERT_TRUE(first.add(first.key_of(Kind::LoginAccount, "boss"), 2, kHalfLife, kNow));
  EXPECT_EQ(second.level(second.key_of(Kind::LoginAccount, "boss"), kHalfLife, kNow).value(), 2);
}

TEST_F(CounterTableTest, ProcessesAtOnceLoseNoCount) {
  constexpr int kProcesses = 4;
  constexpr int kEach = 50;
  std::vector<pid_t> children;
  for (int child = 0; child < kProcesses; ++child) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {  // each opens for itself: the file is made once, too
      const auto counters = CounterTable::open(path_);
      if (!counters) ::_exit(1);
      for (int i = 0; i < kEach; ++i) {
        if (!counters->add(peer("192.0.2.1"), 1, kHalfLife, kNow)) ::_exit(2);
      }
      ::_exit(0);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(table().level(peer("192.0.2.1"), kHalfLife, kNow).value(), kProcesses * kEach);
}

// More strangers than slots: the file stays as it is, who is most guilty stays, and what only the
// proven can write is not touched.
TEST_F(CounterTableTest, AFloodEvictsTheLowest) {
  const auto counters = table();
  const Key guilty = peer("192.0.2.1");
  const Key known = counters.key_of(Kind::LoginKnown, "boss");
  ASSERT_TRUE(counters.add(guilty, 10, kHalfLife, kNow));
  ASSERT_TRUE(counters.raise_to(known, 1, kHalfLife, kNow));
  for (int i = 0; i < 20'000; ++i) {
    const Key key = counters.key_of(Kind::LoginAccount, std::to_string(i));
    ASSERT_TRUE(counters.add(key, 2, kHalfLife, kNow));
  }
  EXPECT_EQ(counters.level(guilty, kHalfLife, kNow).value(), 10);
  EXPECT_EQ(counters.level(known, kHalfLife, kNow).value(), 1);
  EXPECT_EQ(std::filesystem::file_size(path_), CounterTable::kFileOctets);
}

TEST_F(CounterTableTest, DamageIsNoCount) {
  const Key key = peer("192.0.2.1");
  ASSERT_TRUE(table().add(key, 5, kHalfLife, kNow));
  const struct {
    const char* name;
    std::function<void()> damage;
  } kCases[] = {
      {"magic", [&] { overwrite(0, "xxxx"); }},
      {"seed", [&] { overwrite(9, "xxxx"); }},
      {"cut short", [&] { std::filesystem::resize_file(path_, 5000); }},
      {"empty", [&] { std::filesystem::resize_file(path_, 0); }},
      {"longer", [&] { std::filesystem::resize_file(path_, CounterTable::kFileOctets + 1); }},
      {"garbage", [&] { std::ofstream(path_) << std::string(100'000, 'g'); }},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    c.damage();
    const auto counters = table();
    EXPECT_EQ(counters.level(key, kHalfLife, kNow).value(), 0);
    EXPECT_EQ(counters.add(key, 5, kHalfLife, kNow).value(), 5);
    EXPECT_EQ(std::filesystem::file_size(path_), CounterTable::kFileOctets);
  }
  // Slots: all of them written over; each counts as empty, the header holds.
  overwrite(CounterTable::kHeaderOctets,
            std::string(CounterTable::kFileOctets - CounterTable::kHeaderOctets, '\x55'));
  const auto counters = table();
  EXPECT_EQ(counters.level(key, kHalfLife, kNow).value(), 0);
  EXPECT_EQ(counters.add(key, 1, kHalfLife, kNow).value(), 1);
  // Cut under an open table: an error, no crash; the next opener mends it.
  std::filesystem::resize_file(path_, 100);
  EXPECT_FALSE(counters.add(key, 1, kHalfLife, kNow));
  EXPECT_EQ(table().add(key, 1, kHalfLife, kNow).value(), 1);
}

TEST_F(CounterTableTest, TimeNeverRunsBackwards) {
  const auto counters = table();
  const Key key = peer("192.0.2.1");
  ASSERT_TRUE(counters.add(key, 5, kHalfLife, kNow));
  // From the future: a file of another machine, since this clock does not step.
  EXPECT_EQ(counters.level(key, kHalfLife, kNow - hours(1)).value(), 0);
  const auto before = boot_time();
  EXPECT_GE(boot_time(), before);
}

TEST_F(CounterTableTest, BeginsAnewAfterAStartOfTheMachine) {
  const Key key = peer("192.0.2.1");
  ASSERT_TRUE(table().add(key, 5, kHalfLife, kNow));
  overwrite(24, "another-boot-id");  // and its checksum is that of before
  EXPECT_EQ(table().level(key, kHalfLife, kNow).value(), 0);
}

TEST_F(CounterTableTest, OnlyAFileOfOursAlone) {
  ASSERT_EQ(::symlink("/etc/passwd", path_.c_str()), 0);
  EXPECT_FALSE(CounterTable::open(path_));
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(CounterTable::open(path_).error().code, Errc::Denied);
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  table();
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  EXPECT_EQ(CounterTable::open(path_).error().code, Errc::Denied);
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  ASSERT_EQ(::link(path_.c_str(), (path_ + "2").c_str()), 0);
  EXPECT_EQ(CounterTable::open(path_).error().code, Errc::Denied);
  EXPECT_FALSE(CounterTable::open(dir_ + "/none/auth"));
}

TEST_F(CounterTableTest, AHeldLockIsNotWaitedForLong) {
  const auto counters = table();
  const Key key = peer("192.0.2.1");
  ASSERT_TRUE(counters.add(key, 1, kHalfLife, kNow));
  const auto other = sys::open(path_, O_RDWR).value();
  ASSERT_TRUE(sys::lock_range(other, sys::Lock::Exclusive, CounterTable::kHeaderOctets, 0,
                              std::chrono::milliseconds(0), path_));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(counters.add(key, 1, kHalfLife, kNow).error().code, Errc::InUse);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(2));
  ASSERT_TRUE(sys::unlock(other));
  EXPECT_EQ(counters.add(key, 1, kHalfLife, kNow).value(), 2);
}

}  // namespace
}  // namespace mail::counters
