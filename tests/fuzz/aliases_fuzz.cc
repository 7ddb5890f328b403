// Any octets as aliases(5): checked, summed up, and each good alias expanded without a crash.
#include <cstddef>
#include <cstdint>

#include "libmail/alias/compile.h"
#include "libmail/alias/map.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto checked = alias::check_aliases(text);
  if (checked.summary.aliases != checked.file.aliases.size()) __builtin_trap();
  alias::Expander::Settings settings{
      "example.org", "+", true, [](std::string_view domain) { return domain == "example.org"; },
      [](std::string_view name, std::string_view /*domain*/) -> Result<std::string> {
        if (name.size() < 5) return std::string(name);
        return fail(Errc::NotFound, "none");
      }};
  std::vector<std::unique_ptr<alias::Map>> maps;
  maps.push_back(alias::make_text_map(text, "aliases"));
  alias::Expander expander(std::move(settings), std::move(maps));
  std::size_t budget = 50;
  for (const auto& one : checked.file.aliases) {
    if (budget-- == 0) break;
    const auto expanded = expander.expand(one.name, one.name + "@example.org");
    if (expanded && expanded->end_points.size() > alias::kMaxExpansionEndPoints) __builtin_trap();
  }
  return 0;
}
