#include "libmail/auth/digest/module/saslprep.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <vector>

namespace mail::auth::digest {
namespace {

struct Range {
  utf8proc_int32_t first, last;
};

// RFC 3454 table C.1.2: mapped to SPACE (RFC 4013 section 2.1).
constexpr auto kSpaces = std::to_array<Range>({{0x00A0, 0x00A0},
                                               {0x1680, 0x1680},
                                               {0x2000, 0x200B},
                                               {0x202F, 0x202F},
                                               {0x205F, 0x205F},
                                               {0x3000, 0x3000}});
// Table B.1: mapped to nothing.
constexpr auto kNothing = std::to_array<Range>({{0x00AD, 0x00AD},
                                                {0x034F, 0x034F},
                                                {0x1806, 0x1806},
                                                {0x180B, 0x180D},
                                                {0x200C, 0x200D},
                                                {0x2060, 0x2060},
                                                {0xFE00, 0xFE0F},
                                                {0xFEFF, 0xFEFF}});
// Tables C.2.1, C.2.2 (controls), C.3 (private use), C.4 (no characters; the last two of each plane
// are tested apart), C.5 (surrogates), C.6 (not for plain text), C.7 (not for canonical
// representation), C.8 (display), C.9 (tags).
constexpr auto kProhibited = std::to_array<Range>({{0x0000, 0x001F},
                                                   {0x007F, 0x009F},
                                                   {0x0340, 0x0341},
                                                   {0x06DD, 0x06DD},
                                                   {0x070F, 0x070F},
                                                   {0x180E, 0x180E},
                                                   {0x200C, 0x200F},
                                                   {0x2028, 0x202E},
                                                   {0x2060, 0x2063},
                                                   {0x206A, 0x206F},
                                                   {0x2FF0, 0x2FFB},
                                                   {0xD800, 0xF8FF},
                                                   {0xFDD0, 0xFDEF},
                                                   {0xFEFF, 0xFEFF},
                                                   {0xFFF9, 0xFFFD},
                                                   {0x1D173, 0x1D17A},
                                                   {0xE0001, 0xE0001},
                                                   {0xE0020, 0xE007F},
                                                   {0xF0000, 0x10FFFF}});

template <class List>
bool contains(const List& ranges, utf8proc_int32_t point) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& r) { return point >= r.first && point <= r.last; });
}

bool is_prohibited(utf8proc_int32_t point) {
  constexpr utf8proc_int32_t kPlane = 0xFFFF;
  constexpr utf8proc_int32_t kLastTwo = 0xFFFE;
  return (point & kPlane) >= kLastTwo || contains(kSpaces, point) || contains(kProhibited, point);
}

std::optional<std::vector<utf8proc_int32_t>> decode(std::string_view text) {
  std::vector<utf8proc_int32_t> points;
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t point = 0;
    const auto taken = ::utf8proc_iterate(at, left, &point);
    if (taken <= 0) return std::nullopt;
    points.push_back(point);
    at += taken;
    left -= taken;
  }
  return points;
}

std::string encode(const std::vector<utf8proc_int32_t>& points) {
  std::string text;
  for (const auto point : points) {
    std::array<utf8proc_uint8_t, 4> octets{};
    const auto size = ::utf8proc_encode_char(point, octets.data());
    text.append(reinterpret_cast<const char*>(octets.data()), static_cast<std::size_t>(size));
  }
  return text;
}

std::optional<std::string> normalize(const std::string& text) {
  utf8proc_uint8_t* made = nullptr;
  const auto size = ::utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &made,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(made, std::free);
  if (size < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(made), static_cast<std::size_t>(size));
}

// RFC 3454 section 6: with a right-to-left character there is no left-to-right one, and both ends
// are right-to-left.
bool mixes_directions(const std::vector<utf8proc_int32_t>& points) {
  const auto direction = [](utf8proc_int32_t point) {
    return ::utf8proc_get_property(point)->bidi_class;
  };
  const auto is_right = [&](utf8proc_int32_t point) {
    const auto is = direction(point);
    return is == UTF8PROC_BIDI_CLASS_R || is == UTF8PROC_BIDI_CLASS_AL;
  };
  if (std::none_of(points.begin(), points.end(), is_right)) return false;
  return !is_right(points.front()) || !is_right(points.back()) ||
         std::any_of(points.begin(), points.end(),
                     [&](auto point) { return direction(point) == UTF8PROC_BIDI_CLASS_L; });
}

}  // namespace

std::optional<std::string> saslprep(std::string_view text) {
  auto points = decode(text);
  if (!points) return std::nullopt;
  std::erase_if(*points, [](auto point) { return contains(kNothing, point); });
  for (auto& point : *points) {
    if (contains(kSpaces, point)) point = ' ';
  }
  auto normal = normalize(encode(*points));
  if (!normal) return std::nullopt;
  points = decode(*normal);
  if (!points || std::any_of(points->begin(), points->end(), is_prohibited)) return std::nullopt;
  if (mixes_directions(*points)) return std::nullopt;
  return normal;
}

}  // namespace mail::auth::digest
