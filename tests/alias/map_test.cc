#include "libmail/alias/map.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "libmail/alias/compile.h"
#include "libmail/base/sys.h"

namespace mail::alias {
namespace {

class AliasMap : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/alias-map-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    file_ = directory_ + "/aliases";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void edit(const std::string& text) const { std::ofstream(file_) << text; }
  void compile() const {
    const auto state = source_state(file_);
    const auto text = sys::read_file(file_);
    const auto checked = check_aliases(*text);
    ASSERT_TRUE(checked.file.mistakes.empty());
    ASSERT_TRUE(write_map(file_, checked.file.aliases, state));
  }
  std::string find(const std::string& type, std::string_view name) const {
    const auto map = open_map(type + ":" + file_);
    if (!map) return "no map: " + std::string(to_string(map.error().code));
    const auto entry = (*map)->find(name);
    if (!entry) return std::string(to_string(entry.error().code));
    return entry->targets + " at " + entry->origin.substr(directory_.size());
  }

  std::string directory_, file_;
};

TEST_F(AliasMap, AnEditHoldsAfterCompiling) {
  edit("# none\nbin: root,\n  ann\n");
  EXPECT_EQ(find("hash", "bin"), "root,  ann at /aliases:2");  // no map yet: the text itself
  EXPECT_EQ(find("cdb", "bin"), "no map: not-found");
  compile();
  EXPECT_EQ(find("hash", "bin"), "root,  ann at /aliases:2");
  EXPECT_EQ(find("cdb", "bin"), "root,  ann at /aliases:2");
  EXPECT_EQ(find("lmdb", "xxoo"), "not-found");
  edit("bin: root\nxxoo: root\n");
  EXPECT_EQ(find("hash", "xxoo"), "not-found");
  const auto map = open_map("hash:" + file_);
  EXPECT_EQ((*map)->notice(), file_ + " was edited, but newaliases has not been run since");
  compile();
  EXPECT_EQ(find("hash", "xxoo"), "root at /aliases:2");
  EXPECT_EQ((*open_map("hash:" + file_))->notice(), "");
}

TEST_F(AliasMap, IsReplacedInOneStepAndWorldReadable) {
  edit("a: root\n");
  const auto old_mask = ::umask(077);
  compile();
  ::umask(old_mask);
  struct stat status {};
  ASSERT_EQ(::stat((file_ + ".cdb").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644U);
  const auto opened_before = open_map("hash:" + file_);
  edit("b: root\n");
  compile();
  EXPECT_TRUE((*opened_before)->find("a"));
  EXPECT_FALSE((*opened_before)->find("b"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 2);
}

TEST_F(AliasMap, OwnKeysAreNoNames) {
  edit("a: root\n");
  compile();
  EXPECT_EQ(find("hash", kSourceKey), "not-found");
  EXPECT_EQ(find("hash", std::string(kLineKey) + "a"), "not-found");
}

TEST_F(AliasMap, DamageSaysLater) {
  edit("a: root\n");
  compile();
  for (const std::size_t length : {0U, 100U, 2047U}) {
    std::filesystem::resize_file(file_ + ".cdb", length);
    auto maps = open_maps({"hash:" + file_});
    ASSERT_EQ(maps.size(), 1U);
    const auto entry = maps.front()->find("a");
    ASSERT_FALSE(entry);
    EXPECT_EQ(entry.error().status.cls, 4) << length;
  }
  std::string garbage(5000, '\xff');
  std::ofstream(file_ + ".cdb") << garbage;
  auto maps = open_maps({"hash:" + file_});
  const auto entry = maps.front()->find("a");
  EXPECT_TRUE(!entry);
}

TEST_F(AliasMap, ListsOfMaps) {
  edit("a: root\n");
  auto maps = open_maps({"hash:" + file_, "nis:mail.aliases", "hash:/nonexistent/aliases",
                         "inline:{ x=ann, y=bob }"});
  ASSERT_EQ(maps.size(), 3U);
  EXPECT_TRUE(maps[0]->find("a"));
  EXPECT_EQ(maps[1]->find("a").error().code, Errc::Unavailable);
  EXPECT_EQ(maps[2]->find("y")->targets, "bob");
}

}  // namespace
}  // namespace mail::alias
