#include "libmail/reader/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mail::reader {
namespace {

using ::testing::ElementsAre;

TEST(Words, QuotesAndBackslashesAsInMailx) {
  EXPECT_THAT(split_words("a  b\tc"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_words("'a b' \"c 'd\" e\\ f"), ElementsAre("a b", "c 'd", "e f"));
  EXPECT_THAT(split_words("''"), ElementsAre(""));
  EXPECT_THAT(split_words("x\"y z"), ElementsAre("xy z"));
  EXPECT_TRUE(split_words("  ").empty());
}

}  // namespace
}  // namespace mail::reader
