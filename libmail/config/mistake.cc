#include "libmail/config/mistake.h"

#include "libmail/base/log.h"

namespace mail::config {

std::string to_string(const Origin& origin) {
  if (origin.file.empty()) return "default";
  return origin.line == 0 ? origin.file : origin.file + ":" + std::to_string(origin.line);
}

std::vector<std::string> render(const Mistakes& mistakes) {
  std::vector<std::string> lines;
  lines.reserve(mistakes.size());
  for (const auto& mistake : mistakes) {
    lines.push_back(to_string(mistake.origin) + ": " + log::escape(mistake.text, 4000));
  }
  return lines;
}

}  // namespace mail::config
