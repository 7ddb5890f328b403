// Command lines: framer and parsers; whole and cut in two must agree.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "libmail/smtp/command.h"
#include "libmail/smtp/framer.h"

namespace {

std::vector<std::string> run(std::string_view octets, std::size_t cut) {
  mail::smtp::LineFramer framer;
  std::vector<std::string> lines;
  for (const auto piece : {octets.substr(0, cut), octets.substr(cut)}) {
    framer.feed(piece);
    while (auto line = framer.next()) lines.push_back(*line ? **line : line->error().public_text);
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets{reinterpret_cast<const char*>(data), size};
  const auto lines = run(octets, size);
  if (run(octets, size / 2) != lines) std::abort();
  for (const auto& line : lines) {
    for (const auto verbs : {mail::smtp::smtp_verbs(), mail::smtp::lmtp_verbs()}) {
      const auto [verb, arguments] = mail::smtp::split_command(line, verbs);
      if (verb != nullptr) static_cast<void>(verb->parse(arguments));
    }
  }
  return 0;
}
