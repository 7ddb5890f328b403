#include "libmail/login/login_delay.h"

#include <algorithm>
#include <cmath>

#include "libmail/base/log.h"

namespace mail::login {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::minutes kHalfLife{10};         // of a failure
constexpr std::chrono::hours kKnownHalfLife{24 * 7};  // of a success
constexpr double kStillKnown = 0.05;                  // a month later
constexpr double kFreeAtAddress = 3;
constexpr double kFreeAtAccount = 5;
constexpr milliseconds kFirstAddressDelay{1000};
constexpr milliseconds kFirstAccountDelay{500};

// Nothing up to `free`, then doubling with each whole failure.
milliseconds grow(double failures, double free, milliseconds first, milliseconds most) {
  // A failure fades from its first moment on: what is nearly there counts.
  constexpr double kFaded = 0.1;
  const double beyond = std::floor(failures - free + kFaded);
  if (beyond < 0) return milliseconds{0};
  const auto doubled = static_cast<double>(1U << static_cast<unsigned>(std::min(beyond, 20.0)));
  const double delay = static_cast<double>(first.count()) * doubled;
  return milliseconds(static_cast<long>(std::min(delay, static_cast<double>(most.count()))));
}

}  // namespace

milliseconds address_delay(double failures) {
  return grow(failures, kFreeAtAddress, kFirstAddressDelay, kMaxAddressDelay);
}
milliseconds account_delay(double failures) {
  return grow(failures, kFreeAtAccount, kFirstAccountDelay, kMaxAccountDelay);
}

LoginDelay::LoginDelay(const std::string& counters_file, const std::string& address)
    : address_text_(address) {
  if (const auto parsed = net::Address::parse(address)) {
    address_ = counters::CounterTable::key_of(counters::Kind::LoginPeer, *parsed);
  }
  if (counters_file.empty()) return;
  auto table = counters::CounterTable::open(counters_file);
  if (table) {
    table_.emplace(std::move(*table));
  } else {
    note(table.error());
  }
}

void LoginDelay::note(const Error& error) {
  if (std::exchange(has_noted_, true)) return;
  log::warning("failed logins are not counted: " + error.log_text);
}

double LoginDelay::level(const counters::Key& key, counters::BootTime now) {
  const auto found = table_->level(key, kHalfLife, now);
  if (found) return *found;
  note(found.error());
  return 0;
}

void LoginDelay::charge(double amount, counters::BootTime now) {
  own_failures_ = std::max(0.0, own_failures_ + amount);
  if (!table_ || !keys_) return;
  const auto add = [&](const counters::Key& key) {
    const auto added = table_->add(key, amount, kHalfLife, now);
    if (!added) note(added.error());
  };
  if (keys_->address) add(*keys_->address);
  add(keys_->account);
}

milliseconds LoginDelay::begin(std::string_view account, counters::BootTime now) {
  milliseconds wait = address_ ? address_delay(own_failures_) : milliseconds{0};
  keys_.reset();
  bool is_known = false;
  if (table_) {
    // The pair's address is a prefix too, so that a provider's new address tomorrow is known.
    std::string pair(account);
    pair += '\0';
    if (address_) pair.append(address_->octets.begin(), address_->octets.end());
    keys_ = Keys{address_, table_->key_of(counters::Kind::LoginAccount, account),
                 table_->key_of(counters::Kind::LoginKnown, pair)};
    const auto known = table_->level(keys_->known, kKnownHalfLife, now);
    is_known = known.value_or(0) >= kStillKnown;
    if (!is_known) wait = std::max(wait, account_delay(level(keys_->account, now)));
    if (address_) wait = std::max(wait, address_delay(level(*address_, now)));
  }
  is_charged_ = !is_known;
  if (is_charged_) charge(1, now);
  return wait;
}

void LoginDelay::succeeded(counters::BootTime now) {
  abandoned(now);
  if (!table_ || !keys_) return;
  const auto raised = table_->raise_to(keys_->known, 1, kKnownHalfLife, now);
  if (!raised) note(raised.error());
}

void LoginDelay::failed(counters::BootTime now) {
  if (!is_charged_) charge(1, now);
  is_charged_ = false;
}

void LoginDelay::abandoned(counters::BootTime now) {
  if (is_charged_) charge(-1, now);
  is_charged_ = false;
}

}  // namespace mail::login
