#include "libmail/smtp/reply.h"

#include <gtest/gtest.h>

namespace mail::smtp {
namespace {

TEST(Reply, IsWrittenAsSection421Says) {
  EXPECT_EQ(to_wire({250, {2, 1, 5}, "Ok"}), "250 2.1.5 Ok\r\n");
  EXPECT_EQ(to_wire({354, {"End data"}}), "354 End data\r\n");
  EXPECT_EQ(to_wire({250, std::vector<std::string>{"a", "SIZE 1", "HELP"}}),
            "250-a\r\n250-SIZE 1\r\n250 HELP\r\n");
}

TEST(Reply, LetsNoClientTextBeginALine) {
  EXPECT_EQ(to_wire({550, {5, 1, 1}, "<a\r\n250 Ok@b>"}), "550 5.1.1 <a??250 Ok@b>\r\n");
  EXPECT_EQ(to_wire({550, {5, 1, 1}, "\xc3\xbc"}), "550 5.1.1 ??\r\n");
  EXPECT_EQ(to_wire({550, {5, 1, 1}, "\xc3\xbc"}, true), "550 5.1.1 \xc3\xbc\r\n");
}

TEST(Reply, StaysBelow512Octets) {  // RFC 5321 section 4.5.3.1.5
  EXPECT_LE(to_wire({550, {5, 1, 1}, std::string(5000, 'x')}).size(), 512U);
}

TEST(Reply, OfAnErrorHasOneClass) {  // RFC 2034 section 4
  for (const auto code :
       {Errc::Syntax, Errc::BadSequence, Errc::NotFound, Errc::Denied, Errc::NoSpace,
        Errc::OverQuota, Errc::TooLarge, Errc::TooMany, Errc::InUse, Errc::Loop, Errc::Unsupported,
        Errc::Timeout, Errc::Unavailable, Errc::Corrupt, Errc::Config, Errc::Io, Errc::Internal,
        Errc::BadCredentials}) {
    for (const std::uint8_t cls : {std::uint8_t{4}, std::uint8_t{5}}) {
      const Reply reply = to_reply(make_error(code, EnhancedStatus{cls, 0, 0}, "x"));
      EXPECT_EQ(reply.code / 100, reply.status.cls);
      EXPECT_FALSE(reply.is_positive());
    }
  }
}

}  // namespace
}  // namespace mail::smtp
