// Postfix's macro language in parameter values:
//
//   $name ${name} $(name)      the value of another parameter; undefined: nothing
//   ${name?text} ${name?{text}}          text if name has a value that is not empty
//   ${name:text} ${name:{text}}          text if it has none
//   ${name?{text}:{text}} ${name?{text}:text}
//   ${{text} OP {text} ? {text} : {text}}    OP: == != < <= > >= (numbers if both are), and the
//                                            same words with `level` (versions such as 3.6)
//   $$                         one $
//
// Without braces the text after '?' or ':' runs to the closing brace, ':' included: ${x?a:b} is
// "a:b" or nothing, as in Postfix 3 (seen with postconf -x 3.7.11).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mail::config {

// The unexpanded value of a parameter; nothing where no such parameter exists.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

struct Expanded {
  std::string text;
  std::vector<std::string> mistakes;   // syntax, recursion ("a -> b -> a"), size
  std::vector<std::string> undefined;  // names that exist nowhere and stood without '?' or ':'
};

inline constexpr std::size_t kMaxExpansionOctets = 1U << 20U;
inline constexpr std::size_t kMaxExpansionNesting = 100;  // references and braces

// `name` is the parameter whose value `text` is: it may not be reached again.
Expanded expand(std::string_view name, std::string_view text, const Lookup& lookup);

// Every name that `text` refers to, those in untaken branches too.
std::vector<std::string> referenced_names(std::string_view text);

}  // namespace mail::config
