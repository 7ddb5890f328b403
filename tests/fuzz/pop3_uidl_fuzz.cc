// pop3_uidl_format and header sections: whatever they hold, an id or a refusal; surrogates are
// US-ASCII where the field was UTF-8, and making one of a surrogate changes no field any more.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libmail/pop3/surrogate.h"
#include "libmail/pop3/uidl.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::pop3;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libFuzzer's interface
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto header = mail::message::HeaderSection::parse(octets);
  static_cast<void>(header_md5(header, Md5Of::All));
  static_cast<void>(header_md5(header, Md5Of::Apop3d));
  if (const auto format = UidlFormat::parse(octets.substr(0, octets.find('\n')))) {
    static_cast<void>(format->format({{7}, {8}, "md5", "name", ""}));
  }
  if (const auto made = make_surrogate(octets)) {
    if (make_surrogate(*made)) std::abort();
  }
  return 0;
}
