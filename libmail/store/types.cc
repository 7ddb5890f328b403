#include "libmail/store/types.h"

#include <algorithm>

#include "libmail/base/ascii.h"

namespace mail::store {

void Flags::set(Flag flag, bool on) {
  const auto bit = static_cast<unsigned>(flag);
  system = static_cast<std::uint8_t>(on ? system | bit : system & ~bit);
}

bool Flags::has_keyword(std::string_view keyword) const {
  return std::any_of(keywords.begin(), keywords.end(),
                     [&](const std::string& have) { return ascii::iequals(have, keyword); });
}

void Flags::set_keyword(std::string_view keyword, bool on) {
  const auto at = std::lower_bound(keywords.begin(), keywords.end(), keyword, ascii::ILess{});
  const bool there = at != keywords.end() && ascii::iequals(*at, keyword);
  if (on && !there) keywords.emplace(at, keyword);
  if (!on && there) keywords.erase(at);
}

}  // namespace mail::store
