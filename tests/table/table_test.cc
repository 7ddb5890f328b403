#include "libmail/table/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "libmail/table/cdb_file.h"
#include "libmail/table/logical_lines.h"
#include "libmail/table/match_list.h"

namespace mail::table {
namespace {

class TableTest : public testing::Test {
 protected:
  TableTest() {
    std::string name = testing::TempDir() + "table-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~TableTest() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  // The value; "-" where the key is not there; "!" and the error where there is one.
  static std::string look_up(const std::string& spec, std::string_view key) {
    auto table = open(spec);
    if (!table) return "!" + table.error().log_text;
    const auto found = (*table)->find(key);
    if (!found) return "!" + found.error().log_text;
    return found->value_or("-");
  }

 private:
  std::string directory_;
};

TEST(SpecTest, TypeAndName) {
  struct Case {
    std::string text, type, name;  // an empty type: not a table
  };
  for (const auto& row : std::vector<Case>{
           {"hash:/etc/aliases", "hash", "/etc/aliases"},
           {"proxy:unix:passwd.byname", "unix", "passwd.byname"},
           {"static:a:b", "static", "a:b"},
           {"cdb:/x", "cdb", "/x"},
           {"inline:{a=b}", "inline", "{a=b}"},
           {"example.org", "", ""},
           {"/etc/domains", "", ""},
           {"fe80::1", "", ""},
           {"::1", "", ""},
           {"[::1]:25", "", ""},
           {":x", "", ""},
           {"10.0.0.1:25", "", ""},
           {"", "", ""},
       }) {
    const auto spec = parse_spec(row.text);
    EXPECT_EQ(spec.has_value(), !row.type.empty()) << row.text;
    if (!spec) continue;
    EXPECT_EQ(spec->type, row.type);
    EXPECT_EQ(spec->name, row.name);
  }
}

TEST_F(TableTest, TextFile) {
  const auto file = write("map",
                          "# comment\n"
                          "Ann\tann@example.org\n"
                          "bob  bob@example.org,\n  bobby@example.org  \n"
                          "\"two words\" value\n"
                          "alone\n"
                          "ann second\n");
  for (const std::string type : {"texthash:", "hash:", "btree:", "lmdb:", "dbm:", "proxy:hash:"}) {
    EXPECT_EQ(look_up(type + file, "ann"), "ann@example.org") << type;
    EXPECT_EQ(look_up(type + file, "ANN"), "ann@example.org") << type;
    EXPECT_EQ(look_up(type + file, "bob"), "bob@example.org,  bobby@example.org") << type;
    EXPECT_EQ(look_up(type + file, "two words"), "value") << type;
    EXPECT_EQ(look_up(type + file, "alone"), "") << type;
    EXPECT_EQ(look_up(type + file, "# comment"), "-") << type;
    EXPECT_EQ(look_up(type + file, "carol"), "-") << type;
  }
  EXPECT_THAT(look_up("hash:" + path("none"), "a"), testing::StartsWith("!"));
}

TEST_F(TableTest, CompiledFileGoesFirst) {
  const auto file = write("map", "ann text\n");
  ASSERT_TRUE(write_cdb(file + ".cdb", {{"ann", "compiled"}}));
  EXPECT_EQ(look_up("hash:" + file, "Ann"), "compiled");
  EXPECT_EQ(look_up("cdb:" + file, "ann"), "compiled");
  EXPECT_EQ(look_up("texthash:" + file, "ann"), "text");
  EXPECT_THAT(look_up("cdb:" + path("none"), "ann"), testing::StartsWith("!"));
}

TEST_F(TableTest, CompiledFileOfAllSizes) {
  std::map<std::string, std::string> records;
  for (int i = 0; i < 2000; ++i) records["key" + std::to_string(i)] = std::string(i % 97, 'v');
  records[""] = "empty key";
  records[std::string("a\0b", 3)] = std::string("\xff\0", 2);
  ASSERT_TRUE(write_cdb(path("map.cdb"), records));
  auto file = CdbFile::open(path("map.cdb"));
  ASSERT_TRUE(file);
  for (const auto& [key, value] : records) {
    const auto found = file->find(key);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, value) << key;
  }
  EXPECT_EQ(*file->find("key2000"), std::nullopt);
}

TEST_F(TableTest, ReadersKeepTheFileTheyOpened) {
  const auto file = path("map.cdb");
  ASSERT_TRUE(write_cdb(file, {{"a", "old"}}));
  auto reader = CdbFile::open(file);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(write_cdb(file, {{"a", "new"}}));
  EXPECT_EQ(**reader->find("a"), "old");
  EXPECT_EQ(**CdbFile::open(file)->find("a"), "new");
  const auto files = std::filesystem::directory_iterator(std::filesystem::path(file).parent_path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "a temporary file was left";
}

TEST_F(TableTest, DamagedFileIsAnErrorNotAnAnswer) {
  const auto file = path("map.cdb");
  ASSERT_TRUE(write_cdb(file, {{"ann", "root"}, {"bob", "root"}, {"carol", "root"}}));
  const auto size = std::filesystem::file_size(file);
  for (std::uintmax_t cut = 0; cut < size; cut += 7) {
    std::filesystem::resize_file(file, size);
    ASSERT_TRUE(write_cdb(file, {{"ann", "root"}, {"bob", "root"}, {"carol", "root"}}));
    std::filesystem::resize_file(file, cut);
    auto reader = CdbFile::open(file);
    if (!reader) {
      EXPECT_EQ(reader.error().code, Errc::Corrupt) << cut;
      continue;
    }
    const auto found = reader->find("ann");
    EXPECT_TRUE(!found || *found == "root") << "cut at " << cut;
  }
}

TEST_F(TableTest, OtherTypes) {
  EXPECT_EQ(look_up("static:yes", "anything"), "yes");
  EXPECT_EQ(look_up("inline:{ a=b, { c = d, e } f=g }", "a"), "b");
  EXPECT_EQ(look_up("inline:{ a=b, { c = d, e } f=g }", "C"), "d, e");
  EXPECT_EQ(look_up("inline:{ a=b, { c = d, e } f=g }", "f"), "g");
  EXPECT_EQ(look_up("inline:{ a=b }", "z"), "-");
  EXPECT_THAT(look_up("fail:gone", "a"), testing::HasSubstr("gone"));
  EXPECT_EQ(look_up("unix:passwd.byname", "root"), "root");
  EXPECT_EQ(look_up("unix:passwd.byname", "no-such-account"), "-");
  EXPECT_EQ(look_up("unix:group.byname", "root"), "root");
  EXPECT_EQ(open("ldap:/x").error().code, Errc::Unsupported);
  EXPECT_EQ(open("unix:hosts.byname").error().code, Errc::Unsupported);
  EXPECT_EQ(open("plain").error().code, Errc::Config);
}

TEST(LogicalLinesTest, ContinuationCommentsAndLineEnds) {
  const auto lines = split_logical_lines(
      "\xEF\xBB\xBF"
      "a = 1\r\n# comment\n  2\n\n\t# inside\n  3  \nb\n   \nlast \xE4\xB8\xAD");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].text, "a = 1  2  3");
  EXPECT_EQ(lines[0].line, 1U);
  EXPECT_EQ(lines[1].text, "b");
  EXPECT_EQ(lines[1].line, 7U);
  EXPECT_EQ(lines[2].text, "last \xE4\xB8\xAD");
  const auto orphan = split_logical_lines("  x\ny\n");
  ASSERT_EQ(orphan.size(), 2U);
  EXPECT_TRUE(orphan[0].orphan);
  EXPECT_FALSE(orphan[1].orphan);
  EXPECT_TRUE(split_logical_lines("").empty());
}

TEST(MatchListTest, TheFirstItemThatMatchesDecides) {
  struct Case {
    std::vector<std::string> items;
    Subdomains subdomains;
    std::string name;
    std::optional<std::string> match;
  };
  using enum Subdomains;
  for (const auto& row : std::vector<Case>{
           {{"example.org"}, Ignore, "Example.ORG", "example.org"},
           {{"example.org"}, Ignore, "a.example.org", std::nullopt},
           {{"example.org"}, Match, "a.example.org", "example.org"},
           {{"example.org"}, Match, "badexample.org", std::nullopt},
           {{".example.org"}, Ignore, "a.b.example.org", ".example.org"},
           {{".example.org"}, Ignore, "example.org", std::nullopt},
           {{"!a.example.org", ".example.org"}, Ignore, "a.example.org", std::nullopt},
           {{"!a.example.org", ".example.org"}, Ignore, "b.example.org", ".example.org"},
           {{".example.org", "!a.example.org"}, Ignore, "a.example.org", ".example.org"},
           {{"!!example.org"}, Ignore, "example.org", "example.org"},
           {{"inline:{example.org=x}"}, Ignore, "EXAMPLE.org", "inline:{example.org=x}"},
           {{"inline:{example.org=x}"}, Ignore, "a.example.org", std::nullopt},
           {{"inline:{example.org=x}"}, Match, "b.a.example.org", "inline:{example.org=x}"},
           {{"!static:x", "example.org"}, Ignore, "example.org", std::nullopt},
           {{"ldap:/x", "example.org"}, Ignore, "example.org", "example.org"},
           {{}, Match, "example.org", std::nullopt},
           {{"example.org"}, Match, "", std::nullopt},
       }) {
    auto list = MatchList::open(row.items, row.subdomains);
    ASSERT_TRUE(list);
    const auto match = list->match(row.name);
    ASSERT_TRUE(match);
    EXPECT_EQ(*match, row.match) << testing::PrintToString(row.items) << " " << row.name;
  }
}

TEST(MatchListTest, AFailingTableMeansLater) {
  auto list = MatchList::open({"example.org", "fail:gone"}, Subdomains::Ignore);
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->match("example.org"));
  EXPECT_EQ(list->match("other.org").error().code, Errc::Unavailable);
  EXPECT_FALSE(MatchList::open({"hash:/no/such/file"}, Subdomains::Ignore));
}

}  // namespace
}  // namespace mail::table
