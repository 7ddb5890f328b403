// A path that is accepted is written in a form that is accepted, as the same path.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libmail/address/path.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::address;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  mail::Cursor in{text};
  if (const auto path = parse_reverse_path(in)) {
    const std::string wire = to_string(*path);
    mail::Cursor again{wire};
    const auto second = parse_reverse_path(again);
    if (!second || !(*second == *path) || !again.at_end()) std::abort();
  }
  mail::Cursor forward{text};
  if (const auto path = parse_forward_path(forward)) {
    const std::string wire = to_string(*path);
    mail::Cursor again{wire};
    const auto second = parse_forward_path(again);
    if (!second || !(*second == *path)) std::abort();
  }
  return 0;
}
