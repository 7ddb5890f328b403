// POP3 lines: the framer must give the same lines for any division of its input, and the parsers
// must take whatever they hold.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "libmail/pop3/command.h"
#include "libmail/pop3/framer.h"

namespace {

std::vector<std::string> frame(std::string_view input, std::size_t piece) {
  mail::pop3::LineFramer framer;
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < input.size(); at += piece) {
    framer.feed(input.substr(at, piece));
    while (auto line = framer.next()) {
      if (!*line && line->error().code == mail::Errc::TooLarge) return lines;
      lines.push_back(*line ? **line : std::string());
    }
  }
  lines.push_back(framer.take_rest());
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const auto lines = frame(input, size == 0 ? 1 : size);
  if (frame(input, 1) != lines || frame(input, size / 2 + 1) != lines) std::abort();
  for (const auto& line : lines) {
    const auto command = mail::pop3::parse_command(line);
    static_cast<void>(mail::pop3::parse_number(command.argument));
    static_cast<void>(mail::pop3::parse_top(command.argument));
  }
  return 0;
}
