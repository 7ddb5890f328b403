// Where a value comes from, and what is wrong with it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace mail::config {

struct Origin {
  std::string file;      // empty: a default
  std::size_t line = 0;  // from 1; 0: the file as a whole

  bool operator==(const Origin&) const = default;
};
std::string to_string(const Origin& origin);  // "FILE:LINE", "FILE" or "default"

struct Mistake {
  Origin origin;
  std::string text;

  bool operator==(const Mistake&) const = default;
};
using Mistakes = std::vector<Mistake>;

// "FILE:LINE: text", one per mistake, untrusted octets escaped.
std::vector<std::string> render(const Mistakes& mistakes);

}  // namespace mail::config
