#include "libmail/imap/mailbox_name.h"

#include <algorithm>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/utf8.h"
#include "libmail/store/mailbox_name.h"

namespace mail::imap {

std::string encode_mailbox_name(std::string_view utf8) { return store::to_modified_utf7(utf8); }

Result<std::string> decode_mailbox_name(std::string_view wire) {
  if (ascii::iequals(wire, "INBOX")) return std::string("INBOX");
  if (!utf8::is_ascii(wire)) {
    if (utf8::is_valid(wire)) return std::string(wire);
    return fail(Errc::Syntax, "Mailbox name is not UTF-8");
  }
  std::string name = store::from_modified_utf7(wire);
  if (store::to_modified_utf7(name) != wire) {
    return fail(Errc::Syntax, "Mailbox name is not modified UTF-7");
  }
  return name;
}

bool matches_pattern(std::string_view name, std::string_view pattern, char separator) {
  // Set of pattern positions reachable after each octet of the name (no backtracking).
  const bool fold = ascii::iequals(name, "INBOX");
  std::vector<bool> at(pattern.size() + 1, false);
  const auto skip_wildcards = [&](std::vector<bool>& set) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (set[i] && (pattern[i] == '*' || pattern[i] == '%')) set[i + 1] = true;
    }
  };
  at[0] = true;
  skip_wildcards(at);
  for (const char c : name) {
    std::vector<bool> next(pattern.size() + 1, false);
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (!at[i]) continue;
      const char p = pattern[i];
      if (p == '*' || (p == '%' && c != separator)) {
        next[i] = true;
      } else if (p == c || (fold && ascii::to_lower(p) == ascii::to_lower(c))) {
        next[i + 1] = true;
      }
    }
    skip_wildcards(next);
    at.swap(next);
  }
  return at[pattern.size()];
}

}  // namespace mail::imap
