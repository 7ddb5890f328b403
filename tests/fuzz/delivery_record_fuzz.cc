// Records of the delivery protocol: whatever is accepted encodes to the same octets again.
#include <cstdlib>
#include <string_view>

#include "libmail/local/record.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  std::string whole(octets);
  whole.resize(mail::local::kRecordSize, '\0');  // short inputs: the rest is padding
  const auto record = mail::local::parse_record(whole);
  if (!record) return 0;
  const auto again = mail::local::encode_record(*record);
  if (!again || *again != whole) std::abort();
  return 0;
}
