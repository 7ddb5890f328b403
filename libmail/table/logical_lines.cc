#include "libmail/table/logical_lines.h"

#include "libmail/base/ascii.h"

namespace mail::table {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

void cut_trailing_space(std::string& text) {
  while (!text.empty() && ascii::is_space(text.back())) text.pop_back();
}

}  // namespace

std::vector<LogicalLine> split_logical_lines(std::string_view file) {
  std::vector<LogicalLine> lines;
  if (file.starts_with(kByteOrderMark)) file.remove_prefix(kByteOrderMark.size());
  std::size_t number = 0;
  for (std::string_view physical : ascii::split(file, '\n')) {
    ++number;
    if (physical.ends_with('\r')) physical.remove_suffix(1);
    const auto visible = ascii::trim(physical);
    if (visible.empty() || visible.front() == '#') continue;
    const bool continues = ascii::is_space(physical.front());
    if (continues && !lines.empty() && !lines.back().orphan) {
      lines.back().text += physical;
    } else {
      lines.push_back({std::string(physical), number, continues});
    }
  }
  for (auto& line : lines) cut_trailing_space(line.text);
  return lines;
}

}  // namespace mail::table
