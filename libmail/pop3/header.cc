#include "libmail/pop3/header.h"

#include <algorithm>

#include "libmail/message/header_section.h"

namespace mail::pop3 {
namespace {
constexpr std::size_t kFirstRead = 8U << 10U;  // octets; most header sections, and small messages
}

std::size_t end_of_header(std::string_view octets, std::size_t from) {
  if (octets.starts_with("\r\n")) return 2;
  const auto end = octets.find("\r\n\r\n", from);
  return end == std::string_view::npos ? end : end + 4;
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
    const auto end = end_of_header(octets, before < 3 ? 0 : before - 3);
    if (end != std::string::npos) {
      octets.resize(end);
      return octets;
    }
    if (got == 0) break;
    want = std::max(want, before);  // twice as much each time
  }
  octets.resize(std::min(octets.size(), message::kMaxHeaderSection));
  return octets;
}

}  // namespace mail::pop3
