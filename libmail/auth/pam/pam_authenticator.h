// PamAuthenticator: system accounts, their passwords checked by PAM (service "tubepost":
// /etc/pam.d/tubepost). The module with libpam is opened at the first check.
#pragma once

#include "libmail/auth/authenticator.h"
#include "libmail/auth/login_name.h"
#include "libmail/auth/pam/module_interface.h"

namespace mail::auth::pam {

inline constexpr const char* kService = "tubepost";

class PamAuthenticator final : public Authenticator {
 public:
  explicit PamAuthenticator(LoginNames names) : names_(std::move(names)) {}
  Result<Identity> verify(const Attempt& attempt) override;

 private:
  LoginNames names_;
  const tubepost_pam* module_ = nullptr;
};

}  // namespace mail::auth::pam
