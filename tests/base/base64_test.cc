#include "libmail/base/base64.h"

#include <gtest/gtest.h>

namespace mail::base64 {
namespace {

TEST(Base64, ExamplesOfRfc4648Section10) {
  const struct {
    std::string_view octets, text;
  } cases[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};
  for (const auto& [octets, text] : cases) {
    EXPECT_EQ(encode(octets), text);
    EXPECT_EQ(decode(text).value(), octets);
    EXPECT_EQ(decode_lenient(text), octets);
  }
}

TEST(Base64, StrictRefuses) {
  for (const std::string_view text : {"Zg=", "Zg", "Z===", "Zm9v\n", "Zm 9", "====", "Zh=="}) {
    EXPECT_FALSE(decode(text)) << text;
  }
}

TEST(Base64, LenientSkipsOtherOctetsAndForgivesPadding) {
  EXPECT_EQ(decode_lenient("Zm\r\n9v!"), "foo");
  EXPECT_EQ(decode_lenient("Zg"), "f");
  EXPECT_EQ(decode_lenient("Zg==Zm8="), "ffo");
}

}  // namespace
}  // namespace mail::base64
