// IMAP commands: the framer must give the same commands for any division of its input, and the
// parser must take whatever they hold.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "libmail/imap/framer.h"
#include "libmail/imap/parser.h"

namespace {

std::vector<std::string> frame(std::string_view input, std::size_t piece) {
  using mail::imap::Framer;
  Framer framer{{4096}};
  std::vector<std::string> seen;
  for (std::size_t at = 0; at < input.size(); at += piece) {
    framer.feed(input.substr(at, piece));
    for (bool more = true; more;) {
      switch (framer.next()) {
        case Framer::Event::NeedInput:
          more = false;
          break;
        case Framer::Event::TooLong:
          return seen;
        case Framer::Event::Announced:
          if (framer.has_room_for_literal()) {
            framer.collect();
          } else if (framer.literal().synchronizing) {
            framer.drop_command();
          } else {
            framer.skip();
          }
          break;
        case Framer::Event::Complete:
          seen.emplace_back(framer.text());
          break;
        default:
          std::abort();
      }
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const auto whole = frame(input, size == 0 ? 1 : size);
  const auto by_octet = frame(input, 1);
  // A command over the limit may show earlier in small pieces; what both saw must be the same.
  for (std::size_t i = 0; i < whole.size() && i < by_octet.size(); ++i) {
    if (whole[i] != by_octet[i]) std::abort();
  }
  for (const auto& text : whole) {
    static_cast<void>(mail::imap::parse_request(text));
    static_cast<void>(mail::imap::parse_append_start(text));
  }
  return 0;
}
