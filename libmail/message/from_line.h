// The line that separates the messages of an mbox:
//   From boss@linuxprobe.com  Sat Aug 15 19:02:06 2017
// Two spaces before the date as Postfix and Heirloom mailx write it; the null reverse-path is
// MAILER-DAEMON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libmail/address/path.h"
#include "libmail/message/date.h"

namespace mail::message {

struct FromLine {
  std::string sender;
  DateTime date;

  bool operator==(const FromLine&) const = default;
};

// `line` with or without its line end. Nothing if it is not "From ", a sender and a date: a body
// line that merely begins "From " does not separate. A wrong weekday, a zone before or behind the
// year, missing seconds and "remote from HOST" are taken. `local_offset`: see parse_asctime().
std::optional<FromLine> parse_from_line(std::string_view line,
                                        std::optional<std::chrono::minutes> local_offset = {});

// With LF. White space and control characters inside the sender become '_', so that it stays one
// word.
std::string format_from_line(std::string_view sender, const DateTime& date);
std::string format_from_line(const address::ReversePath& sender, const DateTime& date);

}  // namespace mail::message
