// A date that is read is written so that it reads the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "libmail/message/date.h"
#include "libmail/message/from_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::message;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto date = parse_date(text)) {
    const auto year =
        std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(date->wall_clock())}
            .year();
    const auto again = parse_date(format_date(*date));
    if (static_cast<int>(year) >= 1000 && (!again || again->time != date->time)) std::abort();
  }
  if (const auto date = parse_internal_date(text)) {
    const auto again = parse_internal_date(format_internal_date(*date));
    if (again && again->time != date->time) std::abort();
  }
  static_cast<void>(parse_day(text));
  const std::string elsewhere = " " + std::string(text);  // not by places
  if (parse_asctime(text) != parse_asctime(elsewhere)) std::abort();
  if (const auto line = parse_from_line(text)) {
    static_cast<void>(format_from_line(line->sender, line->date));
  }
  return 0;
}
