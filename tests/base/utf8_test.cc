#include "libmail/base/utf8.h"

#include <gtest/gtest.h>

namespace mail::utf8 {
namespace {

TEST(Utf8, WellFormedness) {
  const struct {
    std::string_view octets;
    bool valid;
  } cases[] = {{"", true},
               {"plain", true},
               {"\xC3\xBC", true},
               {"\xE4\xBD\xA0\xE5\xA5\xBD", true},
               {"\xF0\x9F\x93\xAC", true},
               {"\xC0\x80", false},          // over-long NUL
               {"\xE0\x80\xAF", false},      // over-long solidus
               {"\xED\xA0\x80", false},      // surrogate
               {"\xF4\x90\x80\x80", false},  // above U+10FFFF
               {"\xC3", false},
               {"\x80", false},
               {"\xFF", false}};
  for (const auto& [octets, valid] : cases) EXPECT_EQ(is_valid(octets), valid) << octets;
}

TEST(Utf8, IllFormedBecomesOneReplacementPerMaximalSubpart) {
  EXPECT_EQ(replace_invalid("a\xF0\x9F\x93z"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(replace_invalid("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(replace_invalid("\xE4\xBD\xA0"), "\xE4\xBD\xA0");
}

TEST(Utf8, IncompleteTail) {
  EXPECT_EQ(incomplete_tail("ab"), 2U);
  EXPECT_EQ(incomplete_tail("a\xC3"), 1U);
  EXPECT_EQ(incomplete_tail("a\xF0\x9F\x93"), 1U);
  EXPECT_EQ(incomplete_tail("a\xC3\xBC"), 3U);
  EXPECT_EQ(incomplete_tail("\x80\x80\x80"), 3U);
  EXPECT_EQ(incomplete_tail("\xE0\x80"), 2U);  // can never become a character
}

TEST(Utf8, AppendGoesRoundWithNext) {
  for (const char32_t c : {U'a', U'\u00FC', U'\u4F60', U'\U0001F4EC', U'\U0010FFFF'}) {
    std::string out;
    append(out, c);
    Cursor in{out};
    EXPECT_EQ(next(in).value, c);
    EXPECT_TRUE(in.at_end());
  }
  std::string out;
  append(out, 0xD800);
  EXPECT_EQ(out, "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace mail::utf8
