// Reverse-path and forward-path of the envelope (RFC 5321 section 4.1.2; internationalized by RFC
// 6531 section 3.3). Source routes are accepted and dropped (section 3.3 and appendix C).
// Whether an address outside US-ASCII may be used now (SMTPUTF8 given or not) is the session's
// question: needs_smtputf8().
#pragma once

#include <optional>
#include <string>

#include "libmail/address/addr_spec.h"

namespace mail::address {

struct ReversePath {
  std::optional<AddrSpec> addr_spec;  // none: the null reverse-path "<>"

  [[nodiscard]] bool is_null() const { return !addr_spec.has_value(); }
  bool operator==(const ReversePath&) const = default;
};

struct ForwardPath {
  AddrSpec addr_spec;  // an empty domain: the bare "<postmaster>" of section 4.5.1

  [[nodiscard]] bool is_bare_postmaster() const { return addr_spec.domain.empty(); }
  bool operator==(const ForwardPath&) const = default;
};

// Each reads from "<" to ">" and leaves the cursor behind it.
Result<ReversePath> parse_reverse_path(Cursor& in, const PathLimits& limits = {});
Result<ForwardPath> parse_forward_path(Cursor& in, const PathLimits& limits = {});

// With angle brackets, as on the wire: "<>", "<ann@example.org>".
std::string to_string(const ReversePath& path);
std::string to_string(const ForwardPath& path);
// Without angle brackets, "" for the null reverse-path: for queue files, logs and environments.
std::string to_plain_string(const ReversePath& path);

}  // namespace mail::address
