#include "libmail/message/date.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::message {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kMonths = std::to_array<std::string_view>(
    {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"});
constexpr auto kDays =
    std::to_array<std::string_view>({"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"});

struct NamedZone {
  std::string_view name;
  int hours;
};
// RFC 5322 section 4.3: these names have a meaning; all other names are "-0000". UTC is added since
// it is in common use.
constexpr auto kZones = std::to_array<NamedZone>({{"UT", 0},
                                                  {"GMT", 0},
                                                  {"UTC", 0},
                                                  {"Z", 0},
                                                  {"EDT", -4},
                                                  {"EST", -5},
                                                  {"CDT", -5},
                                                  {"CST", -6},
                                                  {"MDT", -6},
                                                  {"MST", -7},
                                                  {"PDT", -7},
                                                  {"PST", -8}});

struct Fields {
  int year = 0, month = 0, day = 0;
  int hour = 0, minute = 0, second = 0;
};

std::optional<std::chrono::sys_seconds> to_time(const Fields& f) {
  const std::chrono::year_month_day date{std::chrono::year{f.year},
                                         std::chrono::month{static_cast<unsigned>(f.month)},
                                         std::chrono::day{static_cast<unsigned>(f.day)}};
  if (!date.ok() || f.year < 1 || f.year > 9999) return std::nullopt;
  if (f.hour > 23 || f.minute > 59 || f.second > 60) return std::nullopt;  // 60: a leap second
  return std::chrono::sys_days{date} + std::chrono::hours{f.hour} + minutes{f.minute} +
         seconds{f.second};
}

std::optional<DateTime> make(const Fields& fields, minutes offset, bool zone_is_known) {
  const auto wall_clock = to_time(fields);
  if (!wall_clock) return std::nullopt;
  return DateTime{*wall_clock - offset, offset, zone_is_known};
}

// Words without comments; ',' separates like white space, ':' stays. Bounded: dates are short.
std::vector<std::string_view> date_words(std::string_view text) {
  constexpr std::size_t kMaxDateWords = 12;
  std::vector<std::string_view> words;
  Cursor in{text};
  while (!in.at_end() && words.size() < kMaxDateWords) {
    if (in.consume('(')) {
      for (int depth = 1; depth > 0 && !in.at_end();) {
        const char c = in.next();
        if (c == '\\') in.skip(1);
        if (c == '(') ++depth;
        if (c == ')') --depth;
      }
      continue;
    }
    const auto word =
        in.take_while([](char c) { return !ascii::is_space(c) && c != ',' && c != '('; });
    if (word.empty()) {
      in.skip(1);
    } else {
      words.push_back(word);
    }
  }
  return words;
}

std::optional<int> number(std::string_view text, int min, int max) {
  const auto value = ascii::to_number<int>(text);
  return value && *value >= min && *value <= max ? value : std::nullopt;
}

std::optional<int> month_number(std::string_view text) {
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (text.size() >= 3 && ascii::iequals(text.substr(0, 3), kMonths.at(i)))
      return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

bool is_weekday(std::string_view text) {
  for (const auto day : kDays) {
    if (ascii::istarts_with(text, day)) return true;
  }
  return false;
}

// obs-year: RFC 5322 section 4.3.
std::optional<int> year_number(std::string_view text) {
  const auto value = number(text, 0, 9999);
  if (!value) return std::nullopt;
  if (text.size() == 2) return *value + (*value < 50 ? 2000 : 1900);
  if (text.size() == 3) return *value + 1900;
  return text.size() >= 4 ? value : std::nullopt;
}

// "19:02:06", "19:02", and with dots as some write it.
bool read_time(std::string_view text, Fields& fields) {
  std::vector<std::string_view> parts = ascii::split(text, ':');
  if (parts.size() == 1) parts = ascii::split(text, '.');
  if (parts.size() < 2 || parts.size() > 3) return false;
  const auto hour = number(parts[0], 0, 23);
  const auto minute = number(parts[1], 0, 59);
  const auto second = parts.size() == 3 ? number(parts[2], 0, 60) : 0;
  if (!hour || !minute || !second) return false;
  fields.hour = *hour;
  fields.minute = *minute;
  fields.second = *second;
  return true;
}

struct Zone {
  minutes offset{0};
  bool is_known = false;
};

// ("+" / "-") 4DIGIT, also "GMT+0800" and "+08:00" as found in the wild; obs-zone.
std::optional<Zone> parse_zone(std::string_view text) {
  for (const auto& [name, hours] : kZones) {
    if (ascii::iequals(text, name)) return Zone{std::chrono::hours{hours}, true};
  }
  if (ascii::istarts_with(text, "GMT") || ascii::istarts_with(text, "UTC")) text.remove_prefix(3);
  if (text.empty()) return std::nullopt;
  if (text.front() != '+' && text.front() != '-') {
    for (const char c : text) {
      if (!ascii::is_alpha(c)) return std::nullopt;
    }
    return Zone{};  // RFC 5322 section 4.3: unknown names, military ones too, are "-0000"
  }
  const bool west = text.front() == '-';
  std::string digits;
  for (const char c : text.substr(1)) {
    if (c != ':') digits += c;
  }
  if (digits.size() != 4) return std::nullopt;
  const auto value = number(digits, 0, 9959);
  if (!value || *value % 100 > 59) return std::nullopt;
  const minutes offset = std::chrono::hours{*value / 100} + minutes{*value % 100};
  return Zone{west ? -offset : offset, !(west && *value == 0)};
}

struct Asctime {
  Fields fields;
  std::optional<Zone> zone;  // where one is named
};

std::optional<Asctime> read_asctime(std::string_view text) {
  auto words = date_words(text);
  if (!words.empty() && is_weekday(words.front())) words.erase(words.begin());
  if (words.size() < 4) return std::nullopt;
  const auto month = month_number(words[0]);
  const auto day = number(words[1], 1, 31);
  Asctime read;
  if (!month || !day || !read_time(words[2], read.fields)) return std::nullopt;
  // "2017", "CST 2017", "2017 +0800": mailers put the zone before or behind the year.
  std::optional<int> year;
  for (std::size_t i = 3; i < words.size() && i < 6; ++i) {
    const auto as_year =
        words[i].size() >= 4 || words[i].size() == 2 ? year_number(words[i]) : std::nullopt;
    if (!year && as_year) {
      year = as_year;
    } else if (const auto named = parse_zone(words[i]); named && named->is_known) {
      // Names are ambiguous (CST is used in Chicago and in Peking) and From_ lines are written on
      // the machine that reads them, so only Greenwich and numbers override the local zone.
      const bool by_number = words[i].find_first_of("+-") != std::string_view::npos;
      if (by_number || named->offset == minutes{0}) read.zone = *named;
    }
  }
  if (!year) return std::nullopt;
  read.fields.month = *month;
  read.fields.day = *day;
  read.fields.year = *year;
  return read;
}

// As asctime() writes it, without more: nearly all that an mbox has, one for each message. Nothing
// where it is otherwise; read_asctime() reads the same from it.
std::optional<Asctime> read_plain_asctime(std::string_view text) {
  constexpr std::string_view kShape = "Aaa Aaa _0 00:00:00 0000";
  const auto fits = [](char c, char shape) {
    if (shape == '0') return ascii::is_digit(c);
    if (shape == '_') return ascii::is_digit(c) || c == ' ';
    return shape == ' ' || shape == ':' ? c == shape : ascii::is_alpha(c);
  };
  if (!std::equal(text.begin(), text.end(), kShape.begin(), kShape.end(), fits)) {
    return std::nullopt;
  }
  const auto month = month_number(text.substr(4, 3));
  if (!month || !is_weekday(text)) return std::nullopt;
  const auto number_at = [&](std::size_t at, std::size_t digits) {
    int value = 0;
    for (const char c : text.substr(at, digits)) value = value * 10 + (c == ' ' ? 0 : c - '0');
    return value;
  };
  return Asctime{{number_at(20, 4), *month, number_at(8, 2), number_at(11, 2), number_at(14, 2),
                  number_at(17, 2)},
                 std::nullopt};
}

std::string offset_text(const DateTime& date) {
  if (!date.zone_is_known) return "-0000";
  const auto minutes_east = static_cast<int>(date.offset.count());
  const int size = (minutes_east < 0 ? -minutes_east : minutes_east) % (100 * 60);
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%c%02d%02d", minutes_east < 0 ? '-' : '+', size / 60,
                size % 60);
  return text.data();
}

struct Broken {
  int year, month, day, hour, minute, second;
  std::string_view weekday, month_name;
};

Broken break_down(const DateTime& date) {
  const auto wall_clock = date.wall_clock();
  const auto days = std::chrono::floor<std::chrono::days>(wall_clock);
  const std::chrono::year_month_day ymd{days};
  const std::chrono::hh_mm_ss time{wall_clock - days};
  return {static_cast<int>(ymd.year()),
          static_cast<int>(static_cast<unsigned>(ymd.month())),
          static_cast<int>(static_cast<unsigned>(ymd.day())),
          static_cast<int>(time.hours().count()),
          static_cast<int>(time.minutes().count()),
          static_cast<int>(time.seconds().count()),
          kDays.at(std::chrono::weekday{days}.c_encoding()),
          kMonths.at(static_cast<unsigned>(ymd.month()) - 1)};
}

template <class... Args>
std::string format(const char* shape, Args... args) {
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), shape, args...);
  return text.data();
}

// "15-Aug-2017", the day perhaps " 5" or "5".
bool read_day(std::string_view text, Fields& fields) {
  const auto parts = ascii::split(text, '-');
  if (parts.size() != 3) return false;
  const auto day = number(ascii::trim(parts[0]), 1, 31);
  const auto month = parts[1].size() == 3 ? month_number(parts[1]) : std::nullopt;
  const auto year = parts[2].size() == 4 ? number(parts[2], 1, 9999) : std::nullopt;
  if (!day || !month || !year) return false;
  fields.day = *day;
  fields.month = *month;
  fields.year = *year;
  return true;
}

}  // namespace

std::optional<DateTime> parse_date(std::string_view text) {
  auto words = date_words(text);
  if (!words.empty() && is_weekday(words.front())) words.erase(words.begin());
  // "15-Aug-2017" as one word, and the order of asctime, occur.
  if (!words.empty() && words.front().find('-') != std::string_view::npos) {
    const auto pieces = ascii::split(words.front(), '-');
    if (pieces.size() == 3) {
      words.erase(words.begin());
      words.insert(words.begin(), pieces.begin(), pieces.end());
    }
  }
  if (words.size() < 4) return std::nullopt;
  if (month_number(words[0])) return parse_asctime(text, minutes{0});
  const auto day = number(words[0], 1, 31);
  const auto month = month_number(words[1]);
  const auto year = year_number(words[2]);
  Fields fields;
  // "23 : 32" with white space around the colons is obsolete syntax, so the time may be many words.
  std::string time;
  std::size_t at = 3;
  for (; at < words.size(); ++at) {
    const bool goes_on = time.empty() || time.back() == ':' || words[at].front() == ':';
    if (!goes_on) break;
    time += words[at];
  }
  if (!day || !month || !year || !read_time(time, fields)) return std::nullopt;
  fields.day = *day;
  fields.month = *month;
  fields.year = *year;
  Zone zone;
  if (at < words.size()) zone = parse_zone(words[at]).value_or(Zone{});
  return make(fields, zone.offset, zone.is_known);
}

std::string format_date(const DateTime& date) {
  const Broken b = break_down(date);
  return format("%s, %d %s %04d %02d:%02d:%02d %s", b.weekday.data(), b.day, b.month_name.data(),
                b.year, b.hour, b.minute, b.second, offset_text(date).c_str());
}

std::string format_date(const DateTime& date, std::string_view zone) {
  std::string text = format_date(date);
  if (!zone.empty()) text.append(" (").append(zone).append(")");
  return text;
}

std::optional<DateTime> parse_internal_date(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  text = ascii::trim(text);
  const auto words = ascii::words(text, " ");
  Fields fields;
  if (words.size() != 3 || !read_day(words[0], fields)) return std::nullopt;
  if (words[1].size() != 8 || words[1].find('.') != std::string_view::npos ||
      !read_time(words[1], fields)) {
    return std::nullopt;
  }
  if (words[2].size() != 5 || (words[2].front() != '+' && words[2].front() != '-'))
    return std::nullopt;
  const auto zone = parse_zone(words[2]);
  if (!zone) return std::nullopt;
  return make(fields, zone->offset, true);
}

std::string format_internal_date(const DateTime& date) {
  const Broken b = break_down(date);
  DateTime known = date;
  known.zone_is_known = true;
  return format("%02d-%s-%04d %02d:%02d:%02d %s", b.day, b.month_name.data(), b.year, b.hour,
                b.minute, b.second, offset_text(known).c_str());
}

std::optional<DateTime> parse_asctime(std::string_view text, std::optional<minutes> local_offset) {
  auto read = read_plain_asctime(text);
  if (!read) read = read_asctime(text);
  if (!read) return std::nullopt;
  const auto& [fields, zone] = *read;
  if (zone) return make(fields, zone->offset, zone->is_known);
  if (local_offset) return make(fields, *local_offset, true);
  const auto wall_clock = to_time(fields);
  if (!wall_clock) return std::nullopt;
  return make(fields, to_local(*wall_clock).offset, true);
}

std::string format_asctime(const DateTime& date) {
  const Broken b = break_down(date);
  return format("%s %s %2d %02d:%02d:%02d %04d", b.weekday.data(), b.month_name.data(), b.day,
                b.hour, b.minute, b.second, b.year);
}

std::optional<std::chrono::sys_days> parse_day(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  Fields fields;
  if (!read_day(text, fields)) return std::nullopt;
  const auto time = to_time(fields);
  if (!time) return std::nullopt;
  return std::chrono::floor<std::chrono::days>(*time);
}

DateTime to_local(std::chrono::sys_seconds time) {
  const auto seconds_since_1970 = static_cast<time_t>(time.time_since_epoch().count());
  tm broken{};
  if (::localtime_r(&seconds_since_1970, &broken) == nullptr) return {time, minutes{0}, true};
  return {time, minutes{broken.tm_gmtoff / 60}, true};
}

std::string zone_name(std::chrono::sys_seconds time) {
  const auto seconds_since_1970 = static_cast<time_t>(time.time_since_epoch().count());
  tm broken{};
  if (::localtime_r(&seconds_since_1970, &broken) == nullptr || broken.tm_zone == nullptr)
    return {};
  return broken.tm_zone;
}

}  // namespace mail::message
