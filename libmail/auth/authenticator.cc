#include "libmail/auth/authenticator.h"

namespace mail::auth {
namespace {
Error unsupported() {
  return make_error(Errc::Unsupported, EnhancedStatus{5, 5, 4},
                    "Unsupported authentication mechanism");
}
}  // namespace

Result<std::string> Authenticator::begin_scram(const ScramFirst& /*first*/) {
  return fail(unsupported());
}

Result<ScramOutcome> Authenticator::finish_scram(const ScramFinal& /*final*/) {
  return fail(unsupported());
}

}  // namespace mail::auth
