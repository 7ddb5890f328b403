#include "libmail/message/date.h"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>

#include "libmail/message/from_line.h"

namespace mail::message {
namespace {

using namespace std::chrono_literals;

DateTime at(std::int64_t seconds, int offset_minutes, bool known = true) {
  return {std::chrono::sys_seconds{std::chrono::seconds{seconds}},
          std::chrono::minutes{offset_minutes}, known};
}

TEST(Date, Rfc5322) {
  const struct {
    std::string_view text;
    std::optional<DateTime> date;
  } cases[] = {
      {"Fri, 21 Nov 1997 09:55:06 -0600", at(880127706, -360)},  // appendix A.1.1
      {"Tue, 1 Jul 2003 10:52:37 +0200", at(1057049557, 120)},   // A.1.2
      {"Thu, 13 Feb 1969 23:32:54 -0330", at(-27723426, -210)},  // A.1.3
      {"Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 "
       "(Newfoundland Time)",
       at(-27723480, -210)},                                                     // A.5
      {"21 Nov 97 09:55:06 GMT", at(880106106, 0)},                              // A.6.2
      {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", at(880127706, -360)},  // A.6.3
      {"Sat, 15 Aug 2017 19:02:06 +0800 (CST)", at(1502794926, 480)},  // the chapter: a Tuesday
      {"15 Aug 2017 19:02:06 +0800", at(1502794926, 480)},
      {"tue, 15 AUG 2017 19:02:06 +0800", at(1502794926, 480)},
      {"Tuesday, 15 August 2017 19:02:06 +0800", at(1502794926, 480)},
      {"15-Aug-2017 19:02:06 +0800", at(1502794926, 480)},
      {"Tue Aug 15 19:02:06 2017 +0800", at(1502794926, 480)},
      {"15 Aug 2017 19:02:06 GMT+0800", at(1502794926, 480)},
      {"15 Aug 2017 19:02:06 +08:00", at(1502794926, 480)},
      {"15 Aug 2017 19.02.06 +0800", at(1502794926, 480)},
      {"1 Jan 70 00:00:00 EST", at(18000, -300)},
      {"1 Jan 1970 00:00:00 PDT", at(25200, -420)},
      {"1 Jan 1970 00:00:00 -0000", at(0, 0, false)},
      {"1 Jan 1970 00:00:00 +0000", at(0, 0)},
      {"1 Jan 1970 00:00:00 A", at(0, 0, false)},
      {"1 Jan 1970 00:00:00 XYZ", at(0, 0, false)},
      {"1 Jan 1970 00:00:00", at(0, 0, false)},
      {"1 Jan 1970 00:00 +0000", at(0, 0)},
      {"1 Jan 49 00:00:00 +0000", at(2493072000, 0)},
      {"1 Jan 50 00:00:00 +0000", at(-631152000, 0)},
      {"1 Jan 105 00:00:00 +0000", at(1104537600, 0)},
      {"29 Feb 2016 00:00:00 +0000", at(1456704000, 0)},
      {"30 Jun 2015 23:59:60 +0000", at(1435708800, 0)},
      {"29 Feb 2017 00:00:00 +0000", std::nullopt},
      {"32 Jan 2017 00:00:00 +0000", std::nullopt},
      {"0 Jan 2017 00:00:00 +0000", std::nullopt},
      {"1 Jan 2017 24:00:00 +0000", std::nullopt},
      {"1 Jan 2017 00:60:00 +0000", std::nullopt},
      {"1 Foo 2017 00:00:00 +0000", std::nullopt},
      {"1 Jan 2017", std::nullopt},
      {"", std::nullopt},
      {"(", std::nullopt},
      {"now", std::nullopt},
  };
  for (const auto& [text, date] : cases) {
    const auto read = parse_date(text);
    EXPECT_EQ(read.has_value(), date.has_value()) << text;
    if (read && date) {
      EXPECT_EQ(*read, *date) << text << " " << read->time.time_since_epoch().count();
    }
  }
}

TEST(Date, Format) {
  EXPECT_EQ(format_date(at(1502794926, 480)), "Tue, 15 Aug 2017 19:02:06 +0800");
  EXPECT_EQ(format_date(at(1502794926, 480), "CST"), "Tue, 15 Aug 2017 19:02:06 +0800 (CST)");
  EXPECT_EQ(format_date(at(-27723426, -210)), "Thu, 13 Feb 1969 23:32:54 -0330");
  EXPECT_EQ(format_date(at(0, 0, false)), "Thu, 1 Jan 1970 00:00:00 -0000");
  EXPECT_EQ(format_asctime(at(1502794926, 480)), "Tue Aug 15 19:02:06 2017");
  EXPECT_EQ(format_asctime(at(0, 0)), "Thu Jan  1 00:00:00 1970");
}

TEST(Date, InternalDateOfRfc3501) {
  EXPECT_EQ(parse_internal_date("\"17-Jul-1996 02:44:25 -0700\""), at(837596665, -420));
  EXPECT_EQ(parse_internal_date(" 1-Jan-1970 00:00:00 +0000"), at(0, 0));
  EXPECT_EQ(parse_internal_date("\" 1-Jan-1970 00:00:00 +0000\""), at(0, 0));
  EXPECT_EQ(format_internal_date(at(837596665, -420)), "17-Jul-1996 02:44:25 -0700");
  EXPECT_EQ(format_internal_date(at(0, 0, false)), "01-Jan-1970 00:00:00 +0000");
  for (const std::string_view text :
       {"17-Jul-1996 02:44:25", "17-Jul-96 02:44:25 -0700", "17 Jul 1996 02:44:25 -0700",
        "17-Jul-1996 2:44:25 -0700", "17-Jul-1996 02:44:25 PDT", "31-Feb-1996 02:44:25 -0700",
        ""}) {
    EXPECT_FALSE(parse_internal_date(text)) << text;
  }
  EXPECT_EQ(parse_day("15-Aug-2017"), std::chrono::sys_days{std::chrono::August / 15 / 2017});
  EXPECT_EQ(parse_day("\"1-Feb-1994\""), std::chrono::sys_days{std::chrono::February / 1 / 1994});
  EXPECT_FALSE(parse_day("1-Feb-94"));
  EXPECT_FALSE(parse_day("30-Feb-1994"));
}

// What stands just so is read by places, all else by words: the same comes of it.
TEST(Date, AsctimeIsReadTheSameByPlacesAndByWords) {
  const std::string plain = "Tue Aug 15 19:02:06 2017";
  EXPECT_EQ(parse_asctime(plain, 480min), at(1502794926, 480));
  EXPECT_EQ(parse_asctime("Thu Jan  1 00:00:00 1970", 0min), at(0, 0));
  EXPECT_EQ(parse_asctime("thu JAN 01 00:00:60 1970", 0min), at(60, 0));
  for (const std::string_view never :
       {"Tue Aug 32 19:02:06 2017", "Tue Aug  0 19:02:06 2017", "Tue Feb 29 19:02:06 2017",
        "Tue Aug 15 24:02:06 2017", "Tue Aug 15 19:60:06 2017", "Tue Aug 15 19:02:61 2017",
        "Tue Aug 15 19:02:06 0000", "Tue Foo 15 19:02:06 2017"}) {
    EXPECT_FALSE(parse_asctime(never, 0min)) << never;
  }
  const std::string_view octets = " 0123456789:-+.,(JanmonZ\t\n\x80";
  for (std::size_t i = 0; i < plain.size(); ++i) {
    for (std::size_t j = i; j < std::min(i + 2, plain.size()); ++j) {
      for (const char one : octets) {
        for (const char other : i == j ? octets.substr(0, 1) : octets) {
          std::string text = plain;
          text.at(j) = other;
          text.at(i) = one;
          ASSERT_EQ(parse_asctime(text, 480min), parse_asctime(" " + text, 480min)) << text;
        }
      }
    }
  }
}

TEST(Date, AsctimeIsOfThisMachinesZoneUnlessToldOtherwise) {
  const char* const before = std::getenv("TZ");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  ::tzset();
  EXPECT_EQ(parse_asctime("Tue Aug 15 19:02:06 2017"), at(1502816526, 120));
  EXPECT_EQ(parse_asctime("Tue Jan 17 19:02:06 2017"), at(1484676126, 60));
  EXPECT_EQ(parse_asctime("Tue Jan 17 19:02:06 2017 +0800"), at(1484650926, 480));
  EXPECT_EQ(parse_from_line("From a Tue Jan 17 19:02:06 2017")->date, at(1484676126, 60));
  EXPECT_EQ(parse_date("Tue Jan 17 19:02:06 2017"), at(1484679726, 0));
  before == nullptr ? ::unsetenv("TZ") : ::setenv("TZ", kept.c_str(), 1);
  ::tzset();
}

TEST(FromLine, ParsesWhatMailersWrite) {
  const struct {
    std::string_view line;
    std::string_view sender;
    std::int64_t seconds;
  } cases[] = {
      {"From boss@linuxprobe.com  Sat Aug 15 19:02:06 2017\n", "boss@linuxprobe.com", 1502794926},
      {"From boss@linuxprobe.com Sat Aug 15 19:02:06 2017\r\n", "boss@linuxprobe.com", 1502794926},
      {"From MAILER-DAEMON Tue Aug 15 19:02:06 2017", "MAILER-DAEMON", 1502794926},
      {"From root Tue Aug 15 11:02:06 UTC 2017", "root", 1502794926},
      {"From root Tue Aug 15 19:02:06 2017 +0800", "root", 1502794926},
      {"From root Tue Aug 15 19:02:06 CST 2017", "root", 1502794926},  // China's, not Chicago's
      {"From root Tue Aug 15 19:02 2017", "root", 1502794920},
      {"From root Tue Aug 15 19:02:06 2017 remote from host", "root", 1502794926},
      {"From \"a b\"@x.y Tue Aug 15 19:02:06 2017", "\"a b\"@x.y", 1502794926},
      {"From a\"b Tue Aug 15 19:02:06 2017", "a\"b", 1502794926},
      {"From Tue Aug 15 19:02:06 2017", "", 1502794926},
  };
  for (const auto& [line, sender, seconds] : cases) {
    const auto read = parse_from_line(line, 480min);
    ASSERT_TRUE(read) << line;
    EXPECT_EQ(read->sender, sender) << line;
    EXPECT_EQ(read->date.time.time_since_epoch().count(), seconds) << line;
  }
  for (const std::string_view line :
       {"From: boss@linuxprobe.com", "From what I hear, all is well", "From ", "From",
        ">From a Tue Aug 15 19:02:06 2017", "From the Tue Aug", "From a@b Aug 15 19:02:06 2017",
        "From here Tue Aug 15 99:02:06 2017", "from a Tue Aug 15 19:02:06 2017"}) {
    EXPECT_FALSE(parse_from_line(line)) << line;
  }
}

TEST(FromLine, Format) {
  const auto date = at(1502794926, 480);
  EXPECT_EQ(format_from_line("boss@linuxprobe.com", date),
            "From boss@linuxprobe.com  Tue Aug 15 19:02:06 2017\n");
  EXPECT_EQ(format_from_line(address::ReversePath{}, date),
            "From MAILER-DAEMON  Tue Aug 15 19:02:06 2017\n");
  EXPECT_EQ(format_from_line("a b\nc", date), "From a_b_c  Tue Aug 15 19:02:06 2017\n");
  EXPECT_EQ(parse_from_line(format_from_line("\"a b\"@x.y", date), 480min),
            (FromLine{"\"a b\"@x.y", date}));
}

}  // namespace
}  // namespace mail::message
