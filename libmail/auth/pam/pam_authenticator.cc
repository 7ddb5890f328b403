#include "libmail/auth/pam/pam_authenticator.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "libmail/auth/sasl.h"
#include "libmail/auth/system_accounts.h"
#include "libmail/base/log.h"
#include "libmail/base/module.h"

namespace mail::auth::pam {
namespace {

constexpr const char* kNotNow = "Authentication is not available now";

Result<const tubepost_pam*> load() {
  void* address = TRY(base::open_module("tubepost-pam.so", "tubepost_pam_module"));
  const auto* module = reinterpret_cast<decltype(&tubepost_pam_module)>(address)();
  if (module->version != TUBEPOST_PAM_INTERFACE) {
    return fail(Errc::Unavailable, kNotNow, "tubepost-pam.so is of another version");
  }
  return module;
}

// The account the name means; without one the name itself, for PAM to refuse in its own time.
Result<std::string> account_name(const LoginNames& names, std::string_view login_name,
                                 bool needs_account) {
  const auto candidates = names.candidates(login_name);
  for (const auto& candidate : candidates) {
    const auto account = find_system_account(candidate);
    if (account) return candidate;
    if (account.error().code != Errc::NotFound) return fail(account.error());
  }
  if (candidates.empty()) return fail(Errc::BadCredentials, "Authentication failed");
  return needs_account ? candidates.back() : candidates.front();
}

// "%s" and "*" stand for the protocol. No path: PAM would read another file.
std::string service_of(std::string_view service, std::string_view protocol) {
  if (service == "*") return std::string(protocol);
  const auto at = service.find("%s");
  std::string name(service.substr(0, at));
  if (at != std::string_view::npos) {
    name += std::string(protocol) + std::string(service.substr(at + 2));
  }
  std::ranges::replace(name, '/', '_');
  return name;
}

}  // namespace

Result<Identity> PamAuthenticator::verify(const Attempt& attempt) {
  if (attempt.user.find('\0') != std::string_view::npos ||
      attempt.password.find('\0') != std::string_view::npos) {
    return fail(Errc::BadCredentials, "Authentication failed");
  }
  if (module_ == nullptr) {
    auto loaded = load();
    if (!loaded) return fail(Errc::Unavailable, kNotNow, loaded.error().log_text);
    module_ = *loaded;
  }
  const std::string user = TRY(account_name(names_, attempt.user, needs_account_));
  std::string password(attempt.password);
  std::array<char, 256> canonical{};
  std::array<char, 256> why{};
  const auto result = module_->check(service_of(service_, attempt.service).c_str(), user.c_str(),
                                     password.c_str(), std::string(attempt.peer).c_str(),
                                     canonical.data(), canonical.size(), why.data(), why.size());
  wipe(password);
  switch (result) {
    case TUBEPOST_PAM_OK:
      break;
    case TUBEPOST_PAM_BAD_CREDENTIALS:
      return fail(Errc::BadCredentials, "Authentication failed", why.data());
    case TUBEPOST_PAM_DENIED:
      return fail(Errc::Denied, "Login is not allowed", log::escape(user) + ": " + why.data());
    default:
      return fail(Errc::Unavailable, kNotNow, why.data());
  }
  const std::string name = canonical.front() == '\0' ? user : std::string(canonical.data());
  if (!needs_account_) {
    Identity named;
    named.user = name;
    named.has_ids = false;
    return named;
  }
  auto identity = find_system_account(name);
  if (identity || identity.error().code != Errc::NotFound) return identity;
  // PAM knows a password for it, the system no account.
  return fail(Errc::Denied, "Login is not allowed", log::escape(name) + ": no system account");
}

}  // namespace mail::auth::pam
