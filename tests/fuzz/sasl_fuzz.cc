// Any lines are an exchange: a challenge, a question to the authenticator within the limits, an
// account or an error. The first line is the mechanism, the second the initial response.
#include <cstdlib>
#include <optional>

#include "libmail/auth/sasl.h"
#include "libmail/base/ascii.h"

namespace {

class Bounds final : public mail::auth::Authenticator {
 public:
  mail::Result<mail::auth::Identity> verify(const mail::auth::Attempt& attempt) override {
    if (attempt.user.empty() || attempt.user.size() > mail::auth::kMaxUserOctets) std::abort();
    if (attempt.password.size() > mail::auth::kMaxPasswordOctets) std::abort();
    return mail::auth::Identity{};
  }
  mail::Result<std::string> begin_scram(const mail::auth::ScramFirst& first) override {
    if (first.user.empty() || first.user.size() > mail::auth::kMaxUserOctets) std::abort();
    if (first.gs2_header.size() + first.bare.size() > mail::auth::kMaxScramPart) std::abort();
    if (first.nonce.empty() || first.nonce.size() > mail::auth::kMaxScramNonce) std::abort();
    return "r=" + std::string(first.nonce) + "x,s=AAAA,i=4096";
  }
  mail::Result<mail::auth::ScramOutcome> finish_scram(
      const mail::auth::ScramFinal& final) override {
    if (final.proof.size() != mail::auth::kScramProof) std::abort();
    if (final.extensions.size() > mail::auth::kMaxScramExtensions) std::abort();
    return mail::auth::ScramOutcome{};
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto lines = mail::ascii::split(input, '\n');
  Bounds bounds;
  auto exchange = mail::auth::SaslExchange::begin(lines.at(0), {&bounds, "imap", "", false});
  if (!exchange) return 0;
  auto step = lines.size() > 1 && !lines.at(1).empty() ? exchange->start(lines.at(1))
                                                       : exchange->start(std::nullopt);
  for (std::size_t at = 2; at < lines.size() && std::holds_alternative<mail::auth::Challenge>(step);
       ++at) {
    step = exchange->respond(lines.at(at));
  }
  return 0;
}
