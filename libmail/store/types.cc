#include "libmail/store/types.h"

namespace mail::store {

void Flags::set(Flag flag, bool on) {
  const auto bit = static_cast<unsigned>(flag);
  system = static_cast<std::uint8_t>(on ? system | bit : system & ~bit);
}

void Flags::set_keyword(std::string_view keyword, bool on) {
  if (on) {
    keywords.insert(keyword);
  } else {
    keywords.erase(keyword);
  }
}

}  // namespace mail::store
