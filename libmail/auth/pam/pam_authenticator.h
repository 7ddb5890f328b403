// PamAuthenticator: system accounts, their passwords checked by PAM (service "tubepost":
// /etc/pam.d/tubepost). The module with libpam is opened at the first check.
#pragma once

#include <string>
#include <utility>

#include "libmail/auth/authenticator.h"
#include "libmail/auth/login_name.h"
#include "libmail/auth/pam/module_interface.h"

namespace mail::auth::pam {

inline constexpr const char* kService = "tubepost";

class PamAuthenticator final : public Authenticator {
 public:
  // `service`: "%s" in it is the protocol. `needs_account`: without an account of the system PAM's
  // word is not enough; else the identity has a name only, and another finds the rest.
  explicit PamAuthenticator(LoginNames names, std::string service = kService,
                            bool needs_account = true)
      : names_(std::move(names)), service_(std::move(service)), needs_account_(needs_account) {}
  Result<Identity> verify(const Attempt& attempt) override;

 private:
  LoginNames names_;
  std::string service_;
  bool needs_account_;
  const tubepost_pam* module_ = nullptr;
};

}  // namespace mail::auth::pam
