// SASLprep (RFC 4013), a profile of stringprep (RFC 3454), for queries: unassigned code points
// pass. NFKC is that of utf8proc's Unicode version, not of 3.2, as RFC 7613's successors do it too.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mail::auth::digest {

// Nothing: not UTF-8, a prohibited code point (section 2.3), or left and right mixed (2.4).
std::optional<std::string> saslprep(std::string_view text);

}  // namespace mail::auth::digest
