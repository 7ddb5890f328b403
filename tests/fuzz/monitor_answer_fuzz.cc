// Any packet is an answer or an error; what is read is written the same.
#include <cstdlib>

#include "libmail/login/monitor_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto answer = mail::login::parse_answer(input);
  if (answer && mail::login::serialize(*answer) != input) std::abort();
  return 0;
}
