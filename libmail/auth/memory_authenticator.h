// MemoryAuthenticator: the twin for tests. Knows what it is told, keeps what it was asked, can
// fail. Its SCRAM (with tubepost-digest.so beside the test) has a fixed nonce and salt.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/auth/scram_server.h"
#include "libmail/base/base64.h"

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
  Result<std::string> begin_scram(const ScramFirst& first) override {
    asked_.emplace_back(first.user);
    if (next_failure_) return fail(*std::exchange(next_failure_, std::nullopt));
    const auto at = accounts_.find(first.user);
    const auto digest = TRY(digest::Digest::open());
    // Of the example in RFC 7677 section 3.
    auto keys = TRY(derive_scram_keys(digest, at == accounts_.end() ? "" : at->second.second,
                                      base64::decode("W22ZaJ0SNY7soEsUEjb6gQ==").value(),
                                      kScramIterations));
    scram_.emplace(std::move(keys), first, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    scram_user_ = first.user;
    return scram_->first_message();
  }
  Result<ScramOutcome> finish_scram(const ScramFinal& final) override {
    const auto server = std::exchange(scram_, std::nullopt);
    if (!server) return fail(Errc::BadSequence, "not begun");
    const auto digest = TRY(digest::Digest::open());
    auto signature = TRY(server->finish(digest, final));
    const auto at = accounts_.find(scram_user_);
    if (at == accounts_.end()) return fail(Errc::BadCredentials, "Authentication failed");
    return ScramOutcome{at->second.first, std::move(signature)};
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
  std::optional<ScramServer> scram_;
  std::string scram_user_;
};

}  // namespace mail::auth
