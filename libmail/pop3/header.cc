#include "libmail/pop3/header.h"

#include <algorithm>

#include "libmail/message/header_section.h"

namespace mail::pop3 {
namespace {
constexpr std::size_t kFirstRead = 8U << 10U;  // octets; most header sections, and small messages
}

Result<std::string> read_header(store::MessageReader& reader) {
  std::string octets;
  std::size_t want = kFirstRead;
  while (octets.size() < message::kMaxHeaderSection) {
    const std::size_t before = octets.size();
    const std::uint64_t left = reader.size() > before ? reader.size() - before : 1;
    octets.resize(before + static_cast<std::size_t>(std::min<std::uint64_t>(want, left)));
    const std::size_t got = TRY(reader.read(before, std::span(octets).subspan(before)));
    octets.resize(before + got);
    if (octets.starts_with("\r\n")) return std::string("\r\n");
    const auto end = octets.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end != std::string::npos) {
      octets.resize(end + 4);
      return octets;
    }
    if (got == 0) break;
    want = std::max(want, before);  // twice as much each time
  }
  octets.resize(std::min(octets.size(), message::kMaxHeaderSection));
  return octets;
}

}  // namespace mail::pop3
