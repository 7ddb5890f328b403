// Names of message files: BASE[,S=octets][,W=wire octets][:2,FLAGS] (docs/maildir.md). BASE with
// its sizes is what a message is known by; the part behind ':' changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libmail/store/types.h"

namespace mail::store::maildir {

// Pieces of what was parsed.
struct FileName {
  std::string_view base;
  std::string_view letters;  // behind ":2,"
};

FileName parse_file_name(std::string_view name);
// The size on the wire, where a base name says it (",W=").
std::optional<std::uint64_t> wire_size_of(std::string_view base);

// Order of arrival: names begin with SECONDS.M<MICROSECONDS>, neither padded. Zeros where they do
// not.
std::pair<std::uint64_t, std::uint64_t> arrival_of(std::string_view name);

// Keywords by their letter, a to z (Dovecot's dovecot-keywords: "0 name" is a).
using Keywords = std::vector<std::string>;

// Whether a base name has the form of those that we give (append.cc).
bool is_made_by_us(std::string_view base);

Flags to_flags(std::string_view letters, const Keywords& keywords);
// `before`: letters so far; those that we have no flag for (P, experimental ones) are kept.
std::string to_letters(const Flags& flags, const Keywords& keywords, std::string_view before);

}  // namespace mail::store::maildir
