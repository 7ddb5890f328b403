// Versions of TLS as Postfix and Dovecot name them. SSL is never spoken: its names are understood
// and mean nothing (RFC 6176, RFC 7568).
#pragma once

#include <string_view>

#include "libmail/base/result.h"
#include "libmail/tls/module_interface.h"

namespace mail::tls {

using VersionSet = unsigned;  // bits of tubepost_tls_version

inline constexpr VersionSet kOldVersions = TUBEPOST_TLS_1_0 | TUBEPOST_TLS_1_1;  // RFC 8996
inline constexpr VersionSet kModernVersions = TUBEPOST_TLS_1_2 | TUBEPOST_TLS_1_3;

// Postfix's smtpd_tls_protocols: ">=TLSv1.2", "<=0304", "!TLSv1, !TLSv1.1", "TLSv1.2 TLSv1.3";
// empty: every version. Error Config: an unknown word, or no version is left.
Result<VersionSet> parse_protocols(std::string_view text);

// Dovecot's ssl_min_protocol: TLSv1 to TLSv1.3, ANY, LATEST.
Result<VersionSet> parse_min_protocol(std::string_view text);

}  // namespace mail::tls
