// Header lines of mail-reader's lists: `headline` codes as Heirloom has them (spec 5.4).
#pragma once

#include <string>
#include <string_view>

#include "libmail/reader/folder.h"
#include "libmail/reader/variables.h"

namespace mail::reader {

// bsdcompat's headline and marks, which the chapter shows.
inline constexpr std::string_view kBsdHeadline = "%>%a%m %20f  %16d %3l/%-5o %i%S";
inline constexpr std::string_view kPlainHeadline = "%>%a%m %18f %16d %4l/%-5o %i%s";
inline constexpr std::string_view kBsdMarks = "NU  *HMFAT+-$J";
inline constexpr std::string_view kPlainMarks = "NUROSPMFATK+-J";

// One line without line end, cut to `width` display cells. `own` says whether an address is the
// reader's own (showto).
struct HeadlineContext {
  const Variables& variables;
  std::size_t width = 80;
  std::size_t current = 0;
  std::string own_address;
};
std::string format_headline(const Folder& folder, std::size_t number,
                            const HeadlineContext& context);

// Mark of a message by `attrlist` (or the set that bsdcompat chooses).
char mark_of(const Entry& entry, const Variables& variables);

// A field's body decoded (RFC 2047) to UTF-8, one line; empty when there is none.
std::string decoded_field(const message::HeaderSection& header, std::string_view field);
// Sender: real name if `showname` and there is one, else the address.
std::string sender_of(const Entry& entry, bool show_name);
std::string sender_address(const Entry& entry);
// `pattern` is the whole address, its local part, or the real name.
bool is_from(const Entry& entry, std::string_view pattern);

// "2 new 3 unread" and so on behind the name (S67); without line end.
std::string format_summary(const Folder& folder);

}  // namespace mail::reader
