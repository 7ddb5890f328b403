// The table of parameters: every name that means something to us, with its namespace, type and
// default; and the names that Postfix and Dovecot know but we do not use, so that their files load
// without a warning.
//
// A Dovecot setting inside sections is named by its path: `service/*/inet_listener/*/port`; '*'
// stands for one name. `protocol/NAME/x` is known where `x` is.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mail::config {

enum class Space : std::uint8_t { Postfix, Dovecot };
std::string_view to_string(Space space);

enum class Type : std::uint8_t {
  Text,     // $name expanded
  Raw,      // $name left alone: whoever uses the value expands it at that time
  Path,     // absolute file name, or empty
  Choice,   // one of `extra` ("a|b|c"); an empty word is written as in "|may|encrypt"
  Boolean,  // yes or no
  Integer,
  Size,       // octets; suffixes b k m g t (Dovecot: with white space before and B after)
  Duration,   // Postfix: s m h d w, `extra` is the unit of a bare number; Dovecot: "2 mins"
  List,       // words between commas and white space; `extra`, if any, lists the allowed ones
  MatchList,  // as List, with /file and type:table items
  Networks,   // addresses, ADDRESS/BITS, with /file and type:table items
};

struct Parameter {
  std::string_view name;
  Space space;
  Type type;
  std::string_view fallback;  // default; Postfix's may refer to other parameters
  std::string_view extra;
  bool is_used = true;  // false: read and checked, but nothing obeys it (yet)
};

// All four sorted by name, so that a look-up is a binary search.
std::span<const Parameter> postfix_parameters();
std::span<const Parameter> dovecot_parameters();
std::span<const std::string_view> unused_postfix_names();
std::span<const std::string_view> unused_dovecot_names();

// The table `rows` as the functions above give it; at compile time.
template <std::size_t N>
consteval std::array<Parameter, N> sort_by_name(std::array<Parameter, N> rows) {
  std::ranges::sort(rows, {}, &Parameter::name);
  return rows;
}

// Null where the name means nothing to us.
const Parameter* find_parameter(Space space, std::string_view name);
// Whether Postfix, Dovecot or we know the name.
bool is_known(Space space, std::string_view name);
// The known name closest to `name`, or empty if none is close.
std::string nearest_name(std::string_view name);
std::string nearest_name(Space space, std::string_view name);

}  // namespace mail::config
