// Messages with UTF-8 in their header section for clients that did not say UTF8 (RFC 6856 section
// 2.1: it must not be sent to them as it is; a surrogate, or a refusal). The surrogate, in the
// spirit of RFC 6858: text as encoded words, parameters by RFC 2231, addresses that only SMTPUTF8
// can reach replaced by one that nobody has (RFC 2606) with the address as its name; of other
// structured fields, which have no way to say it, the field is left out. Only the message's own
// header section is looked at. Octets that are not UTF-8 stay: that is no internationalized
// message, and clients guess a charset as they always had to.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mail::pop3 {

inline constexpr std::string_view kSurrogateAddress = "unsupported@internationalized.invalid";

// `header`: with CRLF line ends, up to its empty line inclusive. Nothing: it may go as it is.
std::optional<std::string> make_surrogate(std::string_view header);

}  // namespace mail::pop3
