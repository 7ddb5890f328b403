// DNS answers: any octets are read within their bounds, names keep to their limits.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libmail/base/ascii.h"
#include "libmail/dns/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mail::dns::Type;
  const auto answer = mail::dns::parse_answer({reinterpret_cast<const char*>(data), size});
  if (!answer) {
    if (answer.error().is_permanent()) std::abort();  // a damaged answer bounces nothing
    return 0;
  }
  if (answer->question.size() > 253) std::abort();
  for (const auto& record : answer->records) {
    if (record.name.size() > 253 || record.data.size() > 253) std::abort();
    for (const char c : record.name + record.data) {
      if (mail::ascii::is_control(c) || mail::ascii::is_8bit(c)) std::abort();
    }
  }
  for (const auto type : {Type::A, Type::Aaaa, Type::Mx, Type::Cname}) {
    if (mail::dns::find_records(*answer, type).size() > answer->records.size()) std::abort();
  }
  return 0;
}
