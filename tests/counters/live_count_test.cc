#include "libmail/counters/live_count.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace mail::counters {
namespace {

class LiveCountTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "tubepost-live-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    path_ = dir_ + "/live";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  [[nodiscard]] Errc refusal(std::string_view key, unsigned limit) const {
    const auto place = take_place(path_, key, limit);
    return place ? Errc::Internal : place.error().code;
  }
  std::string dir_, path_;
};

TEST_F(LiveCountTest, GivesSoManyPlacesForEachKey) {
  std::vector<FileDescriptor> held;
  for (int i = 0; i < 10; ++i) {
    auto place = take_place(path_, "boss", 10);
    ASSERT_TRUE(place) << i << place.error().log_text;
    held.push_back(*std::move(place));
  }
  EXPECT_EQ(refusal("boss", 10), Errc::TooMany);
  EXPECT_EQ(refusal("boss", 9), Errc::TooMany);  // a limit that was made lower
  EXPECT_TRUE(take_place(path_, "ann", 1));
  held.pop_back();
  EXPECT_TRUE(take_place(path_, "boss", 10));
  EXPECT_EQ(std::filesystem::file_size(path_), 0U);
  EXPECT_TRUE(take_place(path_, "zero", 0)) << "the caller sees to 0 itself";
}

TEST_F(LiveCountTest, APlaceEndsWithItsLastProcess) {
  auto place = take_place(path_, "boss", 1);
  ASSERT_TRUE(place);
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  place->reset();
  EXPECT_EQ(refusal("boss", 1), Errc::TooMany);  // the child has it still
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(take_place(path_, "boss", 1));
}

// Many at once: never more than the limit, and all places are given out in the end.
TEST_F(LiveCountTest, ThoseWhoComeAtOnceShareNoPlace) {
  constexpr unsigned kLimit = 5;
  constexpr int kProcesses = 24;
  int ready[2];
  int answer[2];
  int leave[2];
  ASSERT_EQ(::pipe(ready) + ::pipe(answer) + ::pipe(leave), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      char octet = 0;
      ::close(ready[1]);
      ::close(leave[1]);
      static_cast<void>(!::read(ready[0], &octet, 1));  // all begin when the parent closes it
      const auto place = take_place(path_, "boss", kLimit);
      octet = place ? 'y' : place.error().code == Errc::TooMany ? 'n' : '?';
      static_cast<void>(!::write(answer[1], &octet, 1));
      static_cast<void>(!::read(leave[0], &octet, 1));
      ::_exit(0);
    }
    children.push_back(child);
  }
  ::close(ready[1]);
  unsigned given = 0;
  for (int i = 0; i < kProcesses; ++i) {
    char octet = 0;
    ASSERT_EQ(::read(answer[0], &octet, 1), 1);
    EXPECT_NE(octet, '?');
    given += octet == 'y' ? 1 : 0;
  }
  EXPECT_LE(given, kLimit);
  EXPECT_GE(given, 1U);
  EXPECT_EQ(take_place(path_, "boss", kLimit).has_value(), given < kLimit);
  ::close(leave[1]);
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  for (const int fd : {ready[0], answer[0], answer[1], leave[0]}) ::close(fd);
}

TEST_F(LiveCountTest, UsesNoFileOfOthers) {
  std::filesystem::create_symlink("elsewhere", path_);
  EXPECT_FALSE(take_place(path_, "boss", 1));
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/elsewhere"));
  std::filesystem::remove(path_);
  ASSERT_TRUE(take_place(path_, "boss", 1));
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  EXPECT_EQ(refusal("boss", 1), Errc::Denied);
}

}  // namespace
}  // namespace mail::counters
