// First line: the key; the rest: a pcre: table.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "libmail/table/pattern_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto newline = input.find('\n');
  if (newline == std::string_view::npos) return 0;
  using namespace mail::table;
  auto table = make_pattern_table(input.substr(newline + 1), "fuzz", PatternSyntax::Pcre,
                                  Substitution::Allow);
  if (table) static_cast<void>((*table)->find(input.substr(0, newline)));
  return 0;
}
