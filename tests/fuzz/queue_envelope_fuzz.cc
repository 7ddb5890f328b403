// The envelope of a queue file or drop file: whatever can be read is written and read the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libmail/queue/envelope_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto parsed = mail::queue::parse_envelope(octets);
  if (parsed) {
    const auto again = mail::queue::parse_envelope(serialize(parsed->envelope).octets);
    if (!again || again->envelope.recipients.size() != parsed->envelope.recipients.size() ||
        again->envelope.reverse_path != parsed->envelope.reverse_path) {
      std::abort();
    }
  }
  static_cast<void>(mail::queue::parse_attempts(octets));
  return 0;
}
