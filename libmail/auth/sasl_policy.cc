#include "libmail/auth/sasl_policy.h"

#include <array>

#include "libmail/base/ascii.h"

namespace mail::auth {
namespace {

struct Mechanism {
  std::string_view name;
  bool is_plaintext;  // hands the password itself over
  bool is_scram;
};
constexpr auto kMechanisms = std::to_array<Mechanism>({
    {"PLAIN", true, false},
    {"LOGIN", true, false},
    {"SCRAM-SHA-256", false, true},
});

}  // namespace

std::vector<std::string_view> SaslPolicy::offered(bool tls) const {
  std::vector<std::string_view> names;
  for (const auto& mechanism : kMechanisms) {
    if (!objection_to(mechanism.name, tls)) names.push_back(mechanism.name);
  }
  return names;
}

std::optional<Error> SaslPolicy::objection_to(std::string_view name, bool tls) const {
  for (const auto& mechanism : kMechanisms) {
    if (!ascii::iequals(mechanism.name, name)) continue;
    if (mechanism.is_scram && !scram) break;
    if (mechanism.is_plaintext ? allows_plaintext(tls) : allows_login(tls)) return std::nullopt;
    return make_error(Errc::PrivacyRequired, EnhancedStatus{5, 7, 11},
                      "Encryption required for requested authentication mechanism");
  }
  // RFC 4954 section 6: 504 5.5.4.
  return make_error(Errc::Unsupported, EnhancedStatus{5, 5, 4},
                    "Unsupported authentication mechanism");
}

}  // namespace mail::auth
