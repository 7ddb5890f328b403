// The `subscriptions` file as Dovecot has it: one name a line, or version 2 ("V\t2", an empty line,
// levels between tabs). Read in both forms, written in the form it has.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/mail_store.h"

namespace mail::store {

struct SubscriptionsFile {
  std::string path;
  char separator = '/';  // between levels in version 1
  bool is_utf8 = false;  // else modified UTF-7
};

struct Location;
SubscriptionsFile subscriptions_of(const Location& location);

// Names in UTF-8 with '/' between levels.
Result<std::set<std::string>> read_subscriptions(const SubscriptionsFile& file);
Result<void> change_subscription(const SubscriptionsFile& file, const std::string& name, bool on);

// What MailStore::list() gives, of what was `found` by name.
std::vector<MailboxName> listing(std::map<std::string, MailboxName> found,
                                 const std::set<std::string>& subscribed);

// Moves all messages with flags and dates from one mailbox into another (RFC 9051 section 6.3.6:
// what renaming INBOX is), which stays, empty.
Result<void> move_messages(Mailbox& from, Mailbox& to);
Result<void> move_inbox(MailStore& store, const std::string& to);

}  // namespace mail::store
