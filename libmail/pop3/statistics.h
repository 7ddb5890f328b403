// What a session has done, for the log line at its end (pop3_logout_format).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mail::pop3 {

struct Statistics {
  std::uint64_t input = 0, output = 0;                 // octets read and written
  std::size_t top = 0, retrieved = 0, deleted = 0;     // TOP, RETR, messages deleted by QUIT
  std::uint64_t top_octets = 0, retrieved_octets = 0;  // sent for them
  std::uint64_t deleted_octets = 0;                    // size of what was deleted
  std::size_t messages = 0;                            // in the maildrop at login
  std::uint64_t octets = 0;                            // their sizes
  std::string uidls;  // "OLD/HASH -> NEW/HASH": what was there before, and is left; empty: no UIDL
};

// Dovecot's variables: %i %o %t %p %r %b %d %{deleted_bytes} %m %s %u. One that is none of them
// becomes UNSUPPORTED_VARIABLE_x, as Dovecot has it.
std::string logout_text(std::string_view format, const Statistics& statistics);

// CRC-32 (IEEE 802.3), by which %u tells lists of unique-ids apart.
std::uint32_t crc32(std::string_view octets);

}  // namespace mail::pop3
