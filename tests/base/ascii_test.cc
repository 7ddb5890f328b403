#include "libmail/base/ascii.h"

#include <gtest/gtest.h>

namespace mail::ascii {
namespace {

TEST(Ascii, NumbersAreWholeAndInRange) {
  EXPECT_EQ(to_number<std::uint8_t>("255"), 255);
  EXPECT_FALSE(to_number<std::uint8_t>("256"));
  EXPECT_FALSE(to_number<int>(""));
  EXPECT_FALSE(to_number<int>("-1"));
  EXPECT_FALSE(to_number<int>("+1"));
  EXPECT_FALSE(to_number<int>("1 "));
  EXPECT_FALSE(to_number<int>(" 1"));
}

TEST(Ascii, CaseIsAsciiOnly) {
  EXPECT_TRUE(iequals("MAIL", "mail"));
  EXPECT_FALSE(iequals("\xC4", "\xE4"));
  EXPECT_EQ(ifind("Content-TYPE", "type"), 8U);
  EXPECT_EQ(ifind("abc", ""), 0U);
  EXPECT_EQ(ifind("", "x"), std::string_view::npos);
}

TEST(Ascii, SplitKeepsEmptyPiecesAndWordsDoNot) {
  EXPECT_EQ(split("a,,b", ',').size(), 3U);
  EXPECT_EQ(split("", ',').size(), 1U);
  EXPECT_EQ(words(" a , b ", ", ").size(), 2U);
}

TEST(Ascii, HexGoesBothWays) {
  EXPECT_EQ(to_hex(std::string_view("\x00\xff", 2)), "00ff");
  EXPECT_EQ(from_hex("00ff"), std::string("\x00\xff", 2));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("+1"));
  EXPECT_FALSE(from_hex("zz"));
}

TEST(Ascii, EditDistance) {
  EXPECT_EQ(edit_distance("mydomain", "mydomian"), 2U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", "abc"), 0U);
}

}  // namespace
}  // namespace mail::ascii
