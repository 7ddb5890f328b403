// Any packet is one of the table's requests or an error; what is read is written the same.
#include <cstdlib>

#include "libmail/login/monitor_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto request = mail::login::parse_request(input);
  if (!request) return 0;
  const auto again = mail::login::serialize(*request);
  if (!again) std::abort();
  // The flag of these two means nothing and is not kept.
  const auto kind = mail::login::kind_of(*request);
  const bool keeps_flag = kind != mail::login::RequestKind::FinishScram &&
                          kind != mail::login::RequestKind::Certificate;
  if (keeps_flag && *again != input) std::abort();
  return 0;
}
