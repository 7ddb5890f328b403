#include "libmail/alias/end_point.h"

#include <array>

namespace mail::alias {
namespace {

// Indexed by Kind.
constexpr auto kNames =
    std::to_array<std::string_view>({"user", "file", "command", "remote", "include"});

}  // namespace

std::string_view to_string(Kind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

std::optional<Kind> kind_from_string(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames.at(i) == name) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

}  // namespace mail::alias
