// Any lines are an exchange: a challenge, credentials within the limits, or an error.
#include <cstdlib>
#include <optional>

#include "libmail/auth/sasl.h"
#include "libmail/base/ascii.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto lines = mail::ascii::split(input, '\n');
  auto exchange = mail::auth::SaslExchange::begin(lines.at(0));
  if (!exchange) return 0;
  auto step = lines.size() > 1 && !lines.at(1).empty() ? exchange->start(lines.at(1))
                                                       : exchange->start(std::nullopt);
  for (std::size_t at = 2; at < lines.size() && std::holds_alternative<mail::auth::Challenge>(step);
       ++at) {
    step = exchange->respond(lines.at(at));
  }
  if (const auto* got = std::get_if<mail::auth::Credentials>(&step)) {
    if (got->user.empty() || got->user.size() > mail::auth::kMaxUserOctets) std::abort();
    if (got->password.size() > mail::auth::kMaxPasswordOctets) std::abort();
  }
  return 0;
}
