#include "libmail/config/values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/table/table.h"

namespace mail::config {
namespace {

using std::chrono::milliseconds;

std::string quote(std::string_view text) { return "\"" + std::string(text) + "\""; }

bool is_one_of(std::string_view choices, std::string_view word) {
  return std::ranges::any_of(ascii::split(choices, '|'),
                             [&](auto choice) { return choice == word; });
}

std::string readable(std::string_view choices) {
  std::string text;
  for (const auto choice : ascii::split(choices, '|')) {
    if (choice.empty()) continue;
    if (!text.empty()) text += ", ";
    text += choice;
  }
  return text;
}

struct Unit {
  std::string_view name;
  std::uint64_t milliseconds;
};
constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr std::uint64_t kWeek = 7 * kDay;
constexpr auto kPostfixUnits =
    std::to_array<Unit>({{"s", kSecond}, {"m", kMinute}, {"h", kHour}, {"d", kDay}, {"w", kWeek}});
// Dovecot takes any beginning of these: 5 m, 5 min, 5 minut. The first that fits is meant.
constexpr auto kDovecotUnits = std::to_array<Unit>({{"secs", kSecond},
                                                    {"seconds", kSecond},
                                                    {"mins", kMinute},
                                                    {"minutes", kMinute},
                                                    {"hours", kHour},
                                                    {"days", kDay},
                                                    {"weeks", kWeek},
                                                    {"msecs", 1},
                                                    {"milliseconds", 1}});

const Unit* find_unit(Space space, std::string_view name) {
  if (name.empty()) return nullptr;
  if (space == Space::Postfix) {
    const auto* unit = std::ranges::find_if(
        kPostfixUnits, [&](const Unit& one) { return ascii::iequals(one.name, name); });
    return unit == kPostfixUnits.end() ? nullptr : unit;
  }
  const auto* unit = std::ranges::find_if(
      kDovecotUnits, [&](const Unit& one) { return ascii::istarts_with(one.name, name); });
  return unit == kDovecotUnits.end() ? nullptr : unit;
}

Result<std::uint64_t> multiply(std::uint64_t count, std::uint64_t factor, std::string_view text) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(count, factor, &product) ||
      product > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return fail(Errc::Config, "number too large: " + quote(text));
  }
  return product;
}

// Splits "10 mins" into number and unit.
struct Quantity {
  std::string_view number, unit;
};
Quantity split_quantity(std::string_view text) {
  Cursor in{ascii::trim(text)};
  const auto number = in.take_while(ascii::is_digit);
  return {number, ascii::trim(in.rest())};
}

Result<void> check_list(const Parameter& parameter, std::string_view text) {
  if (parameter.extra.empty()) return {};
  for (const auto& word : parse_list(text)) {
    if (!is_one_of(parameter.extra, word)) {
      return fail(Errc::Config, quote(word) + " is none of: " + readable(parameter.extra));
    }
  }
  return {};
}

Result<void> check_networks(Space space, std::string_view text) {
  for (const auto& item : parse_list(text)) {
    std::string_view plain = item;
    while (plain.starts_with('!')) plain.remove_prefix(1);
    if (plain.starts_with('/') || table::parse_spec(plain)) continue;
    TRY(check_network(space, plain));
  }
  return {};
}

}  // namespace

Result<bool> parse_boolean(Space space, std::string_view text) {
  const auto is = [&](std::string_view word) { return ascii::iequals(text, word); };
  if (is("yes")) return true;
  if (is("no")) return false;
  if (space == Space::Dovecot && (is("y") || text == "1")) return true;
  if (space == Space::Dovecot && (is("n") || text == "0")) return false;
  return fail(Errc::Config, "expected yes or no, not " + quote(text));
}

Result<std::uint64_t> parse_integer(Space space, std::string_view text) {
  if (space == Space::Dovecot && text == "unlimited") return kUnlimited;
  if (const auto number = ascii::to_number<std::uint64_t>(text)) return *number;
  if (space == Space::Dovecot && text.starts_with('0')) {  // mode = 0600 is octal, yet a number
    if (const auto number = ascii::to_number<std::uint64_t>(text, 8)) return *number;
  }
  return fail(Errc::Config, "expected a number, not " + quote(text));
}

Result<std::uint64_t> parse_size(Space space, std::string_view text) {
  if (space == Space::Dovecot && text == "unlimited") return kUnlimited;
  auto [digits, unit] = split_quantity(text);
  const auto count = ascii::to_number<std::uint64_t>(digits);
  if (unit.size() > 1) {  // 1 kB, 1 KiB
    const auto rest = unit.substr(1);
    if (ascii::iequals(rest, "b") || ascii::iequals(rest, "i") || ascii::iequals(rest, "ib"))
      unit = unit.substr(0, 1);
  }
  constexpr std::string_view kUnits = "bkmgt";
  const auto power = unit.empty() ? 0 : kUnits.find(ascii::to_lower(unit.front()));
  if (!count || unit.size() > 1 || power == std::string_view::npos) {
    return fail(Errc::Config, "expected a size in octets (k, m, g may follow), not " + quote(text));
  }
  // Dovecot prints "unlimited" so: 18446744073709551615 B.
  if (space == Space::Dovecot && power == 0 && *count == kUnlimited) return kUnlimited;
  return multiply(*count, std::uint64_t{1} << (10 * power), text);
}

Result<milliseconds> parse_duration(Space space, std::string_view text, std::string_view unit) {
  auto [digits, written] = split_quantity(text);
  const auto count = ascii::to_number<std::uint64_t>(digits);
  if (written.empty()) written = unit;
  const bool postfix = space == Space::Postfix;
  if (count == 0U && written.empty()) return milliseconds{0};
  const auto* found = find_unit(space, written);
  if (!count || found == nullptr) {
    return fail(Errc::Config, std::string("expected a time such as ") +
                                  (postfix ? "10s, 5m, 2h, 5d or 1w" : "30 secs, 2 mins or 1 day") +
                                  ", not " + quote(text));
  }
  return milliseconds { TRY(multiply(*count, found->milliseconds, text)) };
}

std::vector<std::string> parse_list(std::string_view text) {
  std::vector<std::string> items;
  std::string item;
  int depth = 0;
  for (const char c : text) {
    if (depth == 0 && (c == ',' || ascii::is_space(c))) {
      if (!item.empty()) items.push_back(std::move(item));
      item.clear();
      continue;
    }
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    item += c;
  }
  if (!item.empty()) items.push_back(std::move(item));
  return items;
}

Result<void> check_network(Space space, std::string_view item) {
  const auto slash = item.rfind('/');
  auto address = item.substr(0, slash);
  const bool bracketed = address.starts_with('[') && address.ends_with(']');
  if (bracketed) address = address.substr(1, address.size() - 2);
  std::array<unsigned char, 16> octets{};
  const std::string text(address);
  unsigned width = 0;
  if (!bracketed && ::inet_pton(AF_INET, text.c_str(), octets.data()) == 1) width = 32;
  if (width == 0 && ::inet_pton(AF_INET6, text.c_str(), octets.data()) == 1) width = 128;
  if (width == 0)
    return fail(Errc::Config, "expected an address or ADDRESS/BITS, not " + quote(item));
  if (slash == std::string_view::npos) return {};
  const auto bits = ascii::to_number<unsigned>(item.substr(slash + 1));
  if (!bits || *bits > width) {
    return fail(Errc::Config,
                "expected 0 to " + std::to_string(width) + " after '/', not " + quote(item));
  }
  if (space == Space::Dovecot) return {};  // Dovecot masks them away
  for (unsigned bit = *bits; bit < width; ++bit) {
    if ((octets.at(bit / 8) & (0x80U >> (bit % 8))) != 0) {
      return fail(Errc::Config, "address has bits set beyond the first " + std::to_string(*bits) +
                                    ": " + quote(item));
    }
  }
  return {};
}

Result<void> check_value(const Parameter& parameter, std::string_view text) {
  switch (parameter.type) {
    case Type::Text:
    case Type::Raw:
    case Type::MatchList:
      return {};
    case Type::Path:
      if (text.empty() || text.starts_with('/')) return {};
      return fail(Errc::Config, "expected a file name from the root (/...), not " + quote(text));
    case Type::Choice:
      if (is_one_of(parameter.extra, text)) return {};
      return fail(Errc::Config, quote(text) + " is none of: " + readable(parameter.extra));
    case Type::Boolean:
      TRY(parse_boolean(parameter.space, text));
      return {};
    case Type::Integer:
      TRY(parse_integer(parameter.space, text));
      return {};
    case Type::Size:
      TRY(parse_size(parameter.space, text));
      return {};
    case Type::Duration:
      TRY(parse_duration(parameter.space, text, parameter.extra));
      return {};
    case Type::List:
      return check_list(parameter, text);
    case Type::Networks:
      return check_networks(parameter.space, text);
  }
  return {};
}

}  // namespace mail::config
