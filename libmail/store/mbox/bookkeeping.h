// The fields that an mbox keeps of each message: Status, X-Status and X-Keywords as Dovecot and
// Heirloom mailx have them, X-UID, X-IMAPbase and X-IMAP as Dovecot and UW have them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/store/mbox/window.h"
#include "libmail/store/types.h"

namespace mail::store::mbox {

struct Field {
  std::string_view name;
  std::string value;  // empty: no such field
};

std::vector<Field> flag_fields(const Flags& flags, bool old);
std::string to_lines(const std::vector<Field>& fields);

// Whether what stands behind the message is worth not being moved for the next flag.
enum class Room : std::uint8_t { None, Leave };

// What makes `header` (the header section, which begins at `at` of the file and ends in a line end)
// say `fields`; nothing if it does. With room the header keeps its length where it can, else it
// gets some more: spaces behind X-Keywords or Status (one of `fields`), as Dovecot leaves them.
std::optional<Splice> set_fields(std::string_view header, std::uint64_t at,
                                 const std::vector<Field>& fields, Room room);

}  // namespace mail::store::mbox
