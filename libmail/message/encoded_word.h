// Encoded words in header fields (RFC 2047): decoding, tolerantly, and generation.
//
// Decoding joins adjacent encoded words of one charset before it is converted, so a multi-byte
// character split over two words survives (RFC 2047 section 5 forbids the split; many mailers do
// it). The result is UTF-8 on one line: CR, LF and NUL that were encoded become spaces. It may hold
// other control characters: what is shown on a terminal is the shower's care.
// What else is tolerated: docs/violations.md.
#pragma once

#include <string>
#include <string_view>

#include "libmail/address/address_list.h"
#include "libmail/message/charset.h"

namespace mail::message {

// `text` is an unstructured body, a phrase or a comment, unfolded or not. Octets outside US-ASCII
// that stand unencoded are read as unlabelled text (charset.h) with `fallback`.
std::string decode_encoded_words(std::string_view text,
                                 std::string_view fallback = kDefaultFallback);

// The name to show for an address: display name or comment, decoded; empty if there is neither.
std::string decode_name(const address::NameAddr& address,
                        std::string_view fallback = kDefaultFallback);

inline constexpr std::size_t kMaxEncodedWord = 75;  // characters, RFC 2047 section 2

// UTF-8 as encoded words where it must be: runs of words with octets outside US-ASCII (or that look
// like encoded words) are encoded, by B or Q, whichever is shorter; no character is split; the rest
// stays as it is. `column` is where the text begins on its line ("Subject: " is 9). Ill-formed
// UTF-8 becomes U+FFFD. Control characters become spaces.
std::string encode_text(std::string_view utf8, std::size_t column = 0);
// The same for a display name (RFC 2047 section 5 (3)): plain phrases are quoted where needed.
std::string encode_phrase(std::string_view utf8, std::size_t column = 0);

}  // namespace mail::message
