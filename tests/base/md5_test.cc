#include "libmail/base/md5.h"

#include <gtest/gtest.h>

namespace mail {
namespace {

std::string md5_of(std::string_view octets) {
  Md5 md5;
  md5.update(octets);
  return md5.hex_digest();
}

TEST(Md5, TestSuite) {  // RFC 1321 appendix A.5
  EXPECT_EQ(md5_of(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5_of("a"), "0cc175b9c0f1b6a831c399e269772661");
  EXPECT_EQ(md5_of("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(md5_of("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(md5_of("abcdefghijklmnopqrstuvwxyz"), "c3fcd3d76192e4007dfb496cca67e13b");
  EXPECT_EQ(md5_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
            "d174ab98d277d9f5a5611c2c9f419d9f");
  EXPECT_EQ(
      md5_of("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
      "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Md5, AnyDivisionGivesTheSame) {
  const std::string text(200, 'x');
  for (const std::size_t size : {55UL, 56UL, 57UL, 63UL, 64UL, 65UL, 119UL, 120UL, 128UL, 200UL}) {
    const auto whole = md5_of(text.substr(0, size));
    for (const std::size_t at : {0UL, 1UL, 54UL}) {
      Md5 md5;
      md5.update(text.substr(0, at));
      md5.update(text.substr(at, size - at));
      EXPECT_EQ(md5.hex_digest(), whole) << size << " at " << at;
    }
  }
}

}  // namespace
}  // namespace mail
