// The `subscriptions` file as Dovecot has it: one name a line, or version 2 ("V\t2", an empty line,
// levels between tabs). Read in both forms, written in the form it has.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "libmail/base/result.h"

namespace mail::store {

// Names in UTF-8 with '/' between levels; `separator` is the one version 1 has on disk.
Result<std::set<std::string>> read_subscriptions(const std::string& path, char separator);
Result<void> change_subscription(const std::string& path, char separator, const std::string& name,
                                 bool on);

// Marks those of `names`, by name but for INBOX in front, that are subscribed to, and puts in those
// that do not exist.
struct MailboxName;
void mark_subscribed(std::vector<MailboxName>& names, std::set<std::string> subscribed);

// Moves all messages with flags and dates from one mailbox into another (RFC 9051 section 6.3.6:
// what renaming INBOX is).
class Mailbox;
Result<void> move_messages(Mailbox& from, Mailbox& to);

}  // namespace mail::store
