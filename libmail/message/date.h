// Dates of mail. A DateTime is a moment and the zone offset it is written in.
//
// Readers are tolerant and never look at the day of the week: the chapter's messages carry wrong
// ones (requirements, finding 6). What has no meaning at all (day 32, 25 o'clock) is no date.
//   RFC 5322 section 3.3 and 4.3   Sat, 15 Aug 2017 19:02:06 +0800 (CST)
//   RFC 3501 date-time             "15-Aug-2017 19:02:06 +0800"
//   asctime, for From_ lines       Sat Aug 15 19:02:06 2017, with an optional zone
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/clock.h"

namespace mail::message {

struct DateTime {
  std::chrono::sys_seconds time{};
  std::chrono::minutes offset{0};  // east of Greenwich, of the zone it is written in
  bool zone_is_known = true;       // false: "-0000", or an unknown name (RFC 5322 section 4.3)

  // As it stands on the clock of its zone, for comparing calendar days (IMAP SENTON).
  [[nodiscard]] std::chrono::sys_seconds wall_clock() const { return time + offset; }
  bool operator==(const DateTime&) const = default;
};

// Obsolete zones, two- and three-digit years, missing weekday, comments, missing seconds and a
// missing zone are taken.
std::optional<DateTime> parse_date(std::string_view text);
// "Sat, 15 Aug 2017 19:02:06 +0800" with the right weekday; "-0000" where the zone is not known.
std::string format_date(const DateTime& date);
// The same with the zone's name as a comment, as Postfix writes it: "... +0800 (CST)".
std::string format_date(const DateTime& date, std::string_view zone_name);

// With or without the quotes; the day may be " 5" or "05" (RFC 3501 date-day-fixed).
std::optional<DateTime> parse_internal_date(std::string_view text);
std::string format_internal_date(const DateTime& date);  // without quotes: 26 octets

// `local_offset` is used where the text names no zone, as From_ lines usually do not. None: this
// machine's, as it is when a clock in Greenwich shows that time.
std::optional<DateTime> parse_asctime(std::string_view text,
                                      std::optional<std::chrono::minutes> local_offset = {});
std::string format_asctime(const DateTime& date);  // "Sat Aug 15 19:02:06 2017"

// A calendar day "15-Aug-2017" as IMAP SEARCH has it: midnight of that day, zone-less.
std::optional<std::chrono::sys_days> parse_day(std::string_view text);

// `time` in this machine's zone (TZ or /etc/localtime); zone_name() gives "CST".
DateTime to_local(std::chrono::sys_seconds time);
std::string zone_name(std::chrono::sys_seconds time);
inline DateTime to_local(WallTime time) {
  return to_local(std::chrono::floor<std::chrono::seconds>(time));
}

}  // namespace mail::message
