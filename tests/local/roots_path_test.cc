#include "libmail/local/roots_path.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace mail::local {
namespace {

constexpr uid_t kSomebody = 61001;

TEST(RootsPath, OnlyWhereNobodyElseCanLeadAstray) {
  EXPECT_TRUE(is_roots_path("/usr/share/inbox"));
  EXPECT_TRUE(is_roots_path("/tmp/inbox"));  // open to all, but the last one
  for (const char* path : {"inbox", "", "/usr/../usr/inbox", "/nonexistent/spool/inbox"}) {
    EXPECT_FALSE(is_roots_path(path)) << path;
  }
  std::string pattern = ::testing::TempDir() + "tubepost-roots-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  std::filesystem::create_directory_symlink("/usr", pattern + "/link");
  if (::geteuid() == 0) {
    EXPECT_TRUE(is_roots_path(pattern + "/link/inbox"));
    ASSERT_EQ(::lchown((pattern + "/link").c_str(), kSomebody, kSomebody), 0);
    EXPECT_FALSE(is_roots_path(pattern + "/link/inbox"));
    EXPECT_TRUE(is_roots_path(pattern + "/inbox"));
    ASSERT_EQ(::chown(pattern.c_str(), kSomebody, kSomebody), 0);
  }
  EXPECT_FALSE(is_roots_path(pattern + "/inbox"));
  EXPECT_FALSE(is_roots_path(pattern + "/link/inbox"));
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace mail::local
