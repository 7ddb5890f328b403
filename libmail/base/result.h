// Result<T>, Error and TRY: how expected failures travel (docs/style in CONTRIBUTING.md).
//
// What a peer sends, what a disk, DNS, PAM or another process does is expected and is a value.
// Exceptions are left for bugs and for a system that cannot go on; only cmd/common catches them.
//
// Result<T> is tl::expected<T, Error> and only what std::expected (C++23) has too is used, so that
// a later standard replaces it here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

namespace mail {

// RFC 3463 section 2: class "." subject "." detail. Class 4 = try again later, 5 = never.
struct EnhancedStatus {
  std::uint8_t cls = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;
  bool operator==(const EnhancedStatus&) const = default;
};
std::string to_string(const EnhancedStatus& status);  // "4.2.1"

// Closed list of what can go wrong; every edge (SMTP reply, IMAP response code, exit status) maps
// it by a table.
enum class Errc : std::uint8_t {
  Syntax,       // does not follow the grammar
  BadSequence,  // right in itself, not now
  NotFound,     // no such user, mailbox, message, file, domain
  Exists,       // already there
  Denied,       // not permitted, by policy or by the kernel
  BadCredentials,
  PrivacyRequired,  // only under TLS
  OverQuota,        // this user's share is used up (EDQUOT)
  NoSpace,          // the disk is full (ENOSPC, EFBIG)
  TooLarge,         // beyond a limit of ours
  TooMany,          // more recipients, errors, messages, levels than allowed
  InUse,            // locked by another; time-out of a lock
  Loop,             // mail loop, alias loop, symlink loop
  Unsupported,
  Timeout,      // a deadline passed
  Closed,       // the peer is gone
  Unavailable,  // a service we need (deliver.sock, DNS, PAM) cannot be had now
  Corrupt,      // data on disk is damaged
  Config,       // the configuration is wrong
  Io,           // any other failing system call
  Internal,     // a promise between our own parts is broken
};
std::string_view to_string(Errc code);

struct Error {
  Errc code = Errc::Internal;
  EnhancedStatus status;    // its class alone decides "retry or bounce"
  std::string public_text;  // may go to the peer: no paths, no errno text, no user's existence
  std::string log_text;     // for the operator: operation, object, cause; octets already escaped

  [[nodiscard]] bool is_permanent() const { return status.cls == 5; }
};

// The status that a code has when nothing better is known (RFC 3463 section 3).
EnhancedStatus default_status(Errc code);

// log_text defaults to public_text. Never put untrusted octets into log_text unescaped: log.h.
Error make_error(Errc code, std::string public_text, std::string log_text = {});
Error make_error(Errc code, EnhancedStatus status, std::string public_text,
                 std::string log_text = {});

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> fail(Errc code, std::string public_text, std::string log_text = {}) {
  return fail(make_error(code, std::move(public_text), std::move(log_text)));
}
// `status` is spelled EnhancedStatus{5, 1, 1}: bare braces would be a string of three octets, and
// are refused as ambiguous.
inline tl::unexpected<Error> fail(Errc code, EnhancedStatus status, std::string public_text,
                                  std::string log_text = {}) {
  return fail(make_error(code, status, std::move(public_text), std::move(log_text)));
}

template <class T>
T take(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace mail

// Value of `expr`, or return its error from this function. Stands alone or is the whole right-hand
// side; nesting it is refused by -Wshadow.
#define TRY(expr)                                                            \
  __extension__({                                                            \
    auto try_result_ = (expr);                                               \
    if (!try_result_) return tl::unexpected(std::move(try_result_).error()); \
    ::mail::take(std::move(try_result_));                                    \
  })
