// The letters of flags in the state log's lines (docs/state-log.md), for who reads and who writes
// them.
#pragma once

#include <array>

#include "libmail/store/types.h"

namespace mail::store {

struct FlagLetter {
  char letter;
  Flag flag;
};
inline constexpr auto kFlagLetters = std::to_array<FlagLetter>({{'S', Flag::Seen},
                                                                {'A', Flag::Answered},
                                                                {'F', Flag::Flagged},
                                                                {'D', Flag::Deleted},
                                                                {'T', Flag::Draft}});

}  // namespace mail::store
