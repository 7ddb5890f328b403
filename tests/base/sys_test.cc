#include "libmail/base/sys.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/file.h>

#include "libmail/base/create_whole.h"
#include "libmail/base/faults.h"

namespace mail::sys {
namespace {

class SysTest : public ::testing::Test {
 protected:
  SysTest() {
    char name[] = "/tmp/tubepost-sys-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  ~SysTest() override {
    const std::string command = "rm -rf " + dir_;
    static_cast<void>(::system(command.c_str()));  // NOLINT
  }
  std::string path(const std::string& name) { return dir_ + "/" + name; }
  std::string dir_;
};

TEST_F(SysTest, ReplaceFileIsWholeOrNotThere) {
  ASSERT_TRUE(replace_file(path("a"), "one", 0600));
  ASSERT_TRUE(replace_file(path("a"), "two", 0600));
  EXPECT_EQ(read_file(path("a")).value(), "two");
  EXPECT_EQ(list_directory(dir_)->size(), 1U);
}

// Two find the same lock left over; what the first has made since is not the second's to remove.
TEST_F(SysTest, WhatHasComeInItsPlaceIsNotUnlinked) {
  ASSERT_TRUE(create_whole(path("l"), "1", 0400));
  const auto first = open(path("l"), O_RDONLY).value();
  const auto second = open(path("l"), O_RDONLY).value();
  EXPECT_TRUE(unlink_if_same(first, path("l")).value());
  ASSERT_TRUE(create_whole(path("l"), "2", 0400));
  EXPECT_FALSE(unlink_if_same(second, path("l")).value());
  EXPECT_EQ(read_file(path("l")).value(), "2");
}

// The second comes while the first is between looking and removing.
TEST_F(SysTest, OneRemovesAtATime) {
  ASSERT_TRUE(create_whole(path("l"), "1", 0400));
  const auto first = open(path("l"), O_RDONLY).value();
  const auto second = open(path("l"), O_RDONLY).value();
  ASSERT_EQ(::flock(first.get(), LOCK_EX), 0);
  EXPECT_FALSE(unlink_if_same(second, path("l")).value());
  EXPECT_TRUE(exists(path("l")));
}

TEST_F(SysTest, ErrorsNameOperationAndObject) {
  const auto missing = read_file(path("none"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::NotFound);
  EXPECT_NE(missing.error().log_text.find(path("none")), std::string::npos);
  EXPECT_EQ(missing.error().public_text.find('/'), std::string::npos);
  EXPECT_EQ(missing.error().status.cls, 4);
}

TEST_F(SysTest, ASecondDescriptorOfOurOwnConflicts) {
  const auto first = open(path("l"), O_RDWR | O_CREAT).value();
  const auto second = open(path("l"), O_RDWR).value();
  ASSERT_TRUE(lock(first, Lock::Exclusive, std::chrono::milliseconds(0), "l"));
  const auto refused = lock(second, Lock::Shared, std::chrono::milliseconds(5), "l");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::InUse);
  ASSERT_TRUE(unlock(first));
  EXPECT_TRUE(lock(second, Lock::Exclusive, std::chrono::milliseconds(0), "l"));
}

TEST_F(SysTest, CreateWholeTakesNoNameThatIsTaken) {
  ASSERT_TRUE(create_whole(path("lock"), "42\n", 0444));
  EXPECT_EQ(read_file(path("lock")).value(), "42\n");
  EXPECT_EQ(stat(path("lock"))->st_mode & 0777U, 0444U);
  ASSERT_EQ(::symlink("nowhere", path("link").c_str()), 0);
  for (const char* name : {"lock", "link"}) {
    const auto taken = create_whole(path(name), "43\n", 0444);
    ASSERT_FALSE(taken) << name;
    EXPECT_EQ(taken.error().code, Errc::Exists) << name;
  }
  EXPECT_EQ(read_file(path("lock")).value(), "42\n");
  EXPECT_EQ(create_whole(path("none/lock"), "1", 0444).error().code, Errc::NotFound);
}

#ifdef TUBEPOST_FAULTS
TEST_F(SysTest, CreateWholeLeavesNothingHalfMade) {
  faults::kill_by_throwing(true);
  for (const char* plan : {"write:1:kill", "write:1:torn", "write:1:ENOSPC"}) {
    ASSERT_TRUE(faults::arm(plan));
    try {
      EXPECT_FALSE(create_whole(path("lock"), "42\n", 0444)) << plan;
    } catch (const faults::Killed&) {
    }
    ASSERT_TRUE(faults::arm(""));
    EXPECT_TRUE(list_directory(dir_)->empty()) << plan;
  }
  faults::kill_by_throwing(false);
}

TEST_F(SysTest, FaultsFailTearAndKill) {
  faults::kill_by_throwing(true);
  ASSERT_TRUE(faults::arm("write:1:ENOSPC"));
  auto full = replace_file(path("f"), "octets", 0600);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::NoSpace);
  EXPECT_TRUE(list_directory(dir_)->empty());

  ASSERT_TRUE(faults::arm("write:1:short"));
  EXPECT_TRUE(replace_file(path("f"), "octets", 0600));
  EXPECT_EQ(read_file(path("f")).value(), "octets");

  ASSERT_TRUE(faults::arm("write:1:torn"));
  EXPECT_THROW(static_cast<void>(replace_file(path("g"), "octets", 0600)), faults::Killed);
  EXPECT_FALSE(exists(path("g")));
  ASSERT_TRUE(faults::arm(""));
  faults::kill_by_throwing(false);
}
#endif

}  // namespace
}  // namespace mail::sys
