#include "libmail/pop3/statistics.h"

#include <gtest/gtest.h>

namespace mail::pop3 {
namespace {

TEST(LogoutText, AsDovecotHasIt) {
  Statistics done;
  done.input = 53;
  done.output = 400;
  done.top = 1;
  done.top_octets = 177;
  done.retrieved = 2;
  done.retrieved_octets = 135;
  done.deleted = 3;
  done.deleted_octets = 105;
  done.messages = 6;
  done.octets = 452;
  done.uidls = "1/5c287e9b -> 4/e76f988f";
  EXPECT_EQ(logout_text("top=%t/%p, retr=%r/%b, del=%d/%m, size=%s", done),
            "top=1/177, retr=2/135, del=3/6, size=452");
  EXPECT_EQ(logout_text("%i %o %{deleted_bytes} u=%u 100%%", done),
            "53 400 105 u=1/5c287e9b -> 4/e76f988f 100%");
  EXPECT_EQ(logout_text("T=%T", done), "T=UNSUPPORTED_VARIABLE_T");
  EXPECT_EQ(logout_text("%", done), "");
  EXPECT_EQ(logout_text("%{", done), "UNSUPPORTED_VARIABLE_");
}

TEST(Crc32, CheckValue) {
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32("1600000000.M0P1.host,S=168,W=178"), 0x5c287e9bU);  // Dovecot's %u
}

}  // namespace
}  // namespace mail::pop3
