// Message lists of mail-reader's commands (POSIX mailx "msglist"; spec/mail-reader 5.3):
//
//   n  n-m  .  ^  $  *  +  -     numbers, ranges, current, first, last, all, next, previous
//   /text  /field:text           in the subject (or that field), without regard to case
//   address                      sender's address or real name
//   :n :o :r :u :d :f :a :t      new, old, read, unread, deleted, flagged, answered, draft
//
// Several parts are a union, in the order of the mailbox. Deleted messages are left out unless the
// command wants only those (undelete).
#pragma once

#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/reader/folder.h"

namespace mail::reader {

enum class Among : std::uint8_t { Undeleted, Deleted, All };

// Numbers, ascending, never empty: "No applicable messages" and the like are errors whose
// public_text is printed as it is. `current` is the number of the current message (0: none).
Result<std::vector<std::size_t>> parse_message_list(std::string_view text, const Folder& folder,
                                                    std::size_t current, Among among);

}  // namespace mail::reader
