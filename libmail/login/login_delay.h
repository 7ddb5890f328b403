// LoginDelay: how long a password check waits, so that guessing is slow and nobody is locked out
// (docs/accounts.md has the reasons and the numbers). Kept in the counters shared by all monitors
// (libmail/counters); without them it knows this connection only.
//
//   wait before a check = the longer of
//     address:  from the 4th failure on 1, 2, 4, 8 s, at most 15 s
//     account:  from the 6th on 0.5, 1, 2, 4 s, at most 5 s; none from an address where this
//               account has logged in before
//
// A failure weighs half after 10 minutes. It is charged before the check and given back when the
// password was right, so that guesses made at once wait for each other; an account at an address
// that knows it is charged afterwards, since mail programs log in several times at once.
// A right password lowers nothing that others have charged: who has one account cannot wash off
// the guesses at another. This machine and trusted networks have no count by address (webmail).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/result.h"
#include "libmail/counters/counter_table.h"

namespace mail::login {

inline constexpr std::chrono::milliseconds kMaxAddressDelay{15'000};
inline constexpr std::chrono::milliseconds kMaxAccountDelay{5'000};

// From a level of failures to a time.
std::chrono::milliseconds address_delay(double failures);
std::chrono::milliseconds account_delay(double failures);

class LoginDelay {
 public:
  // `counters_file` "": none. `address` "": no count by address. Nothing fails: what cannot be
  // opened is logged once.
  LoginDelay(const std::string& counters_file, const std::string& address);

  // Before a check of this account (its name in lower case, without a domain of ours).
  std::chrono::milliseconds begin(std::string_view account, counters::BootTime now);
  void succeeded(counters::BootTime now);
  void failed(counters::BootTime now);
  void abandoned(counters::BootTime now);  // not checked after all, or it could not be told

 private:
  struct Keys {
    std::optional<counters::Key> address;
    counters::Key account, known;
  };
  [[nodiscard]] double level(const counters::Key& key, counters::BootTime now);
  void charge(double amount, counters::BootTime now);
  void note(const Error& error);

  std::optional<counters::CounterTable> table_;
  std::optional<counters::Key> address_;
  std::string address_text_;
  std::optional<Keys> keys_;  // of the attempt under way
  bool is_charged_ = false;
  bool has_noted_ = false;
  double own_failures_ = 0;  // of this connection
};

}  // namespace mail::login
