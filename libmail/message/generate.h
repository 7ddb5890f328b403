// Making header fields: folding, encoded words, addresses, Message-ID. Results are whole fields
// with LF line ends; no value can begin a field of its own (controls become spaces).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/address/address_list.h"
#include "libmail/message/date.h"

namespace mail::message {

inline constexpr std::size_t kFoldAt = 78;    // characters without line end, RFC 5322 section 2.1.1
inline constexpr std::size_t kMaxLine = 998;  // the same section's MUST, in octets

// "Name: body" folded at white space into lines of at most 78 where there is white space, and of at
// most 998 in any case. Unfolding gives the body again (but for a run of more than 998 without
// space).
std::string make_field(std::string_view name, std::string_view body);
// An unstructured field (Subject, Comments) from UTF-8 text.
std::string make_text_field(std::string_view name, std::string_view utf8);
// To, Cc, From, Reply-To, ... with display names in UTF-8.
std::string make_address_field(std::string_view name,
                               const std::vector<address::NameAddr>& addresses);

// "<20170815110206.9D35A61@mail.linuxprobe.com>": time in UTC, then `unique` (the queue id, or
// random octets in hex), then the host.
std::string make_message_id(std::chrono::sys_seconds time, std::string_view unique,
                            std::string_view host);

}  // namespace mail::message
