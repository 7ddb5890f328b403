// Any octets as a .forward or :include: file.
#include <cstddef>
#include <cstdint>

#include "libmail/alias/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::alias;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& line : parse_target_file(text).lines) {
    for (const auto& target : line.list.targets) {
      if (target.text.empty()) __builtin_trap();
      if (target.kind != Target::Kind::Address && target.kind != Target::Kind::Command &&
          target.text.front() != '/') {
        __builtin_trap();
      }
      static_cast<void>(split_address(target.text));
    }
  }
  return 0;
}
