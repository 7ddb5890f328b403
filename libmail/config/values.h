// From the text of a value to its type, by the rules of the namespace it belongs to.
//
// The errors are for people: "expected yes or no, not \"maybe\"". None of these expands $name.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/config/parameter.h"

namespace mail::config {

inline constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

Result<bool> parse_boolean(Space space, std::string_view text);
// "unlimited" (Dovecot) is kUnlimited.
Result<std::uint64_t> parse_integer(Space space, std::string_view text);
Result<std::uint64_t> parse_size(Space space, std::string_view text);
// `unit`: of a bare number, one of s m h d w; empty: Dovecot's rule, only 0 may stand bare.
Result<std::chrono::milliseconds> parse_duration(Space space, std::string_view text,
                                                 std::string_view unit);
// Words between commas and white space; braces hold an item together: inline:{a=b, c=d}.
std::vector<std::string> parse_list(std::string_view text);

// An address or ADDRESS/BITS of a Networks list ([::1]/128 or ::1/128). In Postfix's namespace the
// bits beyond BITS must be zero, as Postfix demands.
Result<void> check_network(Space space, std::string_view item);

// Whether `text` is a value of the parameter's type; the error says what is wrong.
Result<void> check_value(const Parameter& parameter, std::string_view text);

}  // namespace mail::config
