// MemoryAuthenticator: the twin for tests. Knows what it is told, keeps what it was asked, can
// fail.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libmail/auth/authenticator.h"

namespace mail::auth {

class MemoryAuthenticator final : public Authenticator, public Accounts {
 public:
  void add(Identity identity, std::string password) {
    const std::string name = identity.user;
    accounts_.insert_or_assign(name, std::pair(std::move(identity), std::move(password)));
  }
  void fail_next(Errc code) {
    next_failure_ = make_error(code, "Authentication is not available now");
  }
  [[nodiscard]] const std::vector<std::string>& asked() const { return asked_; }

  Result<Identity> verify(const Attempt& attempt) override {
    asked_.emplace_back(attempt.user);
    if (next_failure_) return fail(*std::exchange(next_failure_, std::nullopt));
    const auto at = accounts_.find(attempt.user);
    if (at == accounts_.end() || at->second.second != attempt.password) {
      return fail(make_error(Errc::BadCredentials, "Authentication failed"));
    }
    return at->second.first;
  }
  Result<Identity> find(std::string_view name) override {
    if (next_failure_) return fail(*std::exchange(next_failure_, std::nullopt));
    const auto at = accounts_.find(name);
    if (at == accounts_.end())
      return fail(make_error(Errc::NotFound, EnhancedStatus{5, 1, 1}, "No such user"));
    return at->second.first;
  }

 private:
  std::map<std::string, std::pair<Identity, std::string>, std::less<>> accounts_;
  std::optional<Error> next_failure_;
  std::vector<std::string> asked_;
};

}  // namespace mail::auth
