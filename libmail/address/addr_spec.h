// AddrSpec: local-part "@" domain (RFC 5321 section 4.1.2, RFC 5322 section 3.4.1, RFC 6531 section
// 3.3), and the parsers of its pieces. Values own their octets.
//
// The local part is kept without quoting ("a b"@x is held as `a b`) and quoted again on output. The
// domain is kept as written; it may be an address literal with its brackets ("[192.0.2.1]",
// "[IPv6:2001:db8::1]"), or U-labels, or empty: a local name without domain (`root`).
// Nothing here asks whether an address exists, and no IDNA mapping is done.
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/cursor.h"
#include "libmail/base/result.h"

namespace mail::address {

struct AddrSpec {
  std::string local_part;
  std::string domain;

  [[nodiscard]] bool empty() const { return local_part.empty() && domain.empty(); }
  // The domain without regard to ASCII case; the local part exactly, since only the domain's host
  // may interpret it (RFC 5321 section 2.4).
  bool operator==(const AddrSpec& other) const;
};

// local-part "@" domain with the local part quoted where its octets need it; the local part alone
// where there is no domain. Never contains CR, LF or NUL (they are dropped).
std::string to_string(const AddrSpec& addr_spec);
std::string quote_local_part(std::string_view local_part);

// True if it cannot be sent without SMTPUTF8 (RFC 6531): an octet outside US-ASCII.
bool needs_smtputf8(const AddrSpec& addr_spec);
bool is_address_literal(std::string_view domain);
// Text between the brackets of an address literal without "IPv6:", or empty: "192.0.2.1".
std::string_view literal_address(std::string_view domain);

// RFC 5321 section 4.5.3.1: the sizes, in octets, that every implementation must take.
inline constexpr std::size_t kMaxLocalPart = 64;  // section 4.5.3.1.1
inline constexpr std::size_t kMaxDomain = 255;    // section 4.5.3.1.2
inline constexpr std::size_t kMaxPath = 256;      // section 4.5.3.1.3, with "<" and ">"
inline constexpr std::size_t kMaxLabel = 63;      // RFC 1035 section 2.3.4
// What we take. The same section asks for no limits where possible, and bounce addresses of mailing
// lists and of forwarders (VERP, SRS) often exceed 64: refusing them loses mail.
inline constexpr std::size_t kMaxLocalPartTaken = 255;
inline constexpr std::size_t kMaxPathTaken = kMaxLocalPartTaken + 1 + kMaxDomain + 2;

struct PathLimits {
  std::size_t local_part = kMaxLocalPartTaken;
  std::size_t domain = kMaxDomain;
  std::size_t path = kMaxPathTaken;
};
inline constexpr PathLimits kRfcPathLimits{kMaxLocalPart, kMaxDomain, kMaxPath};

// RFC 5321 section 4.1.2, with the UTF8-non-ascii of RFC 6531 section 3.3. Each reads one rule from
// the cursor and leaves it behind that; errors are Syntax, or TooLarge beyond a limit.
Result<std::string> parse_local_part(Cursor& in, const PathLimits& limits = {});  // unquoted
Result<std::string> parse_domain(Cursor& in, const PathLimits& limits = {});
Result<std::string> parse_address_literal(Cursor& in);                        // with its brackets
Result<AddrSpec> parse_addr_spec(Cursor& in, const PathLimits& limits = {});  // rule "Mailbox"

// The whole of `text` is a Domain, or an address literal: for EHLO arguments, settings and maps.
bool is_domain(std::string_view text);

// A recipient as a person or script names it (`deliver root`, `sendmail 'Ann <ann@x>'`, the left
// side of an alias): an addr-spec or a bare local name, with or without angle brackets or display
// name. Exactly one; white space around it does not matter. Refuses control characters.
Result<AddrSpec> parse_recipient_argument(std::string_view text);

}  // namespace mail::address
