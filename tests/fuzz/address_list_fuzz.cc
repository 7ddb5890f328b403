// Any octets give a list; what is written from it reads the same again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libmail/address/address_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::address;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const AddressList list = parse_address_list(text);
  for (const NameAddr& address : flatten(list)) {
    const std::string once = to_string(address);
    if (once.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) std::abort();
    if (!list.defects.empty() || address.addr_spec.empty()) continue;
    const auto again = flatten(parse_address_list(once));
    if (again.size() != 1 || !(again.front().addr_spec == address.addr_spec)) std::abort();
  }
  static_cast<void>(parse_recipient_argument(text));
  return 0;
}
