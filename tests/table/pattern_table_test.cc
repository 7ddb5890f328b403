#include "libmail/table/pattern_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libmail/table/match_list.h"

namespace mail::table {
namespace {

using enum PatternSyntax;

// The value; "-" where nothing matches; "!" and the error where there is one.
std::string look_up(std::string_view text, PatternSyntax syntax, std::string_view key,
                    Substitution substitution = Substitution::Allow) {
  auto table = make_pattern_table(text, "t", syntax, substitution);
  if (!table) return "!" + table.error().log_text;
  const auto found = (*table)->find(key);
  if (!found) return "!" + found.error().log_text;
  return found->value_or("-");
}

TEST(PatternTableTest, Matching) {
  struct Case {
    std::string text;
    PatternSyntax syntax;
    std::string key, value;
  };
  for (const auto& row : std::vector<Case>{
           {"/^ann@/ yes", Regexp, "ANN@example.org", "yes"},
           {"/^ann@/i yes", Regexp, "ANN@example.org", "-"},
           {"/^ann@/ yes", Regexp, "joann@example.org", "-"},
           {"/b/ first\n/a/ second\n", Pcre, "ab", "first"},
           {"!/@example\\.org$/ other", Regexp, "a@b.net", "other"},
           {"!/@example\\.org$/ other", Regexp, "a@example.org", "-"},
           {"! !/a/ x", Regexp, "a", "x"},
           {"%/etc/% slash", Pcre, "/etc/passwd", "slash"},
           {"/a\\/b/ slash", Pcre, "a/b", "slash"},
           {"/^(.*)-list@(.*)$/ ${1}+$(2)=$1 $$1", Regexp, "a-list@b", "a+b=a $1"},
           {"/^(a)|(b)$/ <$1$2>", Pcre, "b", "<b>"},
           {"/a.b/ x", Pcre, "a\nb", "x"},
           {"/a.b/s x", Pcre, "a\nb", "-"},
           {"/^b$/ x", Pcre, "a\nb", "-"},
           {"/^b$/m x", Pcre, "a\nb", "x"},
           {"/a b # comment/x x", Pcre, "ab", "x"},
           {"/b/A x", Pcre, "ab", "-"},
           {"/a/\n  continued", Regexp, "a", "continued"},
           {"if /@a$/\n/^x@/ in a\nendif\n/^x@/ elsewhere", Regexp, "x@a", "in a"},
           {"if /@a$/\n/^x@/ in a\nendif\n/^x@/ elsewhere", Regexp, "x@b", "elsewhere"},
           {"if !/@a$/\nif /@b$/\n/./ b\nendif\n/./ c\nendif\n/./ a", Pcre, "x@b", "b"},
           {"if !/@a$/\nif /@b$/\n/./ b\nendif\n/./ c\nendif\n/./ a", Pcre, "x@c", "c"},
           {"if !/@a$/\nif /@b$/\n/./ b\nendif\n/./ c\nendif\n/./ a", Pcre, "x@a", "a"},
           {"# comment\n\n", Pcre, "a", "-"},
           {"/^$/ empty", Pcre, "", "empty"},
       }) {
    EXPECT_EQ(look_up(row.text, row.syntax, row.key), row.value) << row.text << " " << row.key;
  }
}

TEST(PatternTableTest, EveryMistakeWithItsLine) {
  const auto mistakes = look_up(
      "/a/\n/(/ x\nplain x\n/open x\n/a/q x\n/(a)/ $2\n!/(a)/ $1\nendif\nif /a/ x\nif /b/\n", Pcre,
      "a");
  for (const auto* part : {"t:1: no result behind the pattern", "t:2: pattern is wrong at octet 1",
                           "t:3: expected /pattern/ result", "t:4: pattern is not closed",
                           "t:5: unknown flag q", "t:6: result refers to a group",
                           "t:7: nothing has matched behind '!'", "t:8: endif without an if",
                           "t:9: text behind the pattern of an if", "t:10: if without its endif"}) {
    EXPECT_THAT(mistakes, testing::HasSubstr(part));
  }
  EXPECT_THAT(look_up("/a/x b", Regexp, "a"), testing::HasSubstr("unknown flag x"));
}

TEST(PatternTableTest, AliasTablesTakeNothingFromTheKey) {
  EXPECT_THAT(look_up("/(.*)/ |command $1", Pcre, "a", Substitution::Forbid),
              testing::HasSubstr("must not stand"));
  EXPECT_EQ(look_up("/a/ |command $$1", Pcre, "a", Substitution::Forbid), "|command $1");
}

TEST(PatternTableTest, AnExplodingPatternIsCutOff) {
  EXPECT_THAT(look_up("/^(a+)+$/ x", Pcre, std::string(40, 'a') + "b"),
              testing::HasSubstr("match limit"));
}

TEST(PatternTableTest, ParentDomainsAreThePatternsAffair) {
  auto list = MatchList::open({"pcre:/no/such/table"}, Subdomains::Match);
  EXPECT_FALSE(list);
  EXPECT_TRUE(is_supported("pcre") && is_supported("regexp"));
}

}  // namespace
}  // namespace mail::table
