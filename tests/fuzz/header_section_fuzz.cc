// Any octets give a header section whose fields lie inside it, in order, and unfold to one line.
#include <cstdint>
#include <cstdlib>

#include "libmail/message/header_section.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::message;
  const auto section =
      HeaderSection::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (section.consumed() > size) std::abort();
  std::size_t end = 0;
  for (const HeaderField& field : section.fields()) {
    if (field.offset < end || field.offset + field.size > section.octets().size()) std::abort();
    if (field.body_offset + field.body_size > field.offset + field.size) std::abort();
    if (unfold(section.raw_body(field)).find_first_of(std::string_view("\r\n\0", 3)) !=
        std::string::npos) {
      std::abort();
    }
    end = field.offset + field.size;
  }
  return 0;
}
