// MailStore: all mailboxes of one user, by name. Names are UTF-8 with '/' between levels, "INBOX"
// in any case is the inbox; how they lie on disk (LAYOUT, mUTF-7, dots) is the implementation's.
// Names that would leave the mail root ("..", NUL, absolute, symlinks out) are refused: Denied.
// A name that ends in '/' says that others are to come below it (RFC 3501 section 6.3.3).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/mailbox.h"

namespace mail::store {

struct MailboxName {
  std::string name;        // "INBOX", "Sent/2026"
  bool selectable = true;  // false: \Noselect
  bool has_children = false;
  bool subscribed = false;
  bool exists = true;             // false: only the subscription is there, not selectable
  bool may_have_children = true;  // false: \Noinferiors, as an mbox file
};

class MailStore {
 public:
  virtual ~MailStore() = default;
  // INBOX first, the rest by name. A subscription outlives its mailbox (RFC 9051 section 6.3.7).
  virtual Result<std::vector<MailboxName>> list() = 0;
  // NotFound unless it exists; INBOX always does (a missing one is empty and appears with the first
  // append).
  virtual Result<std::unique_ptr<Mailbox>> open(std::string_view name) = 0;
  // Exists. With '/' at the end: only the place for others, where a mailbox cannot have any.
  virtual Result<void> create(std::string_view name) = 0;
  // Those below it stay. INBOX, and what is not selectable and has some below it: Denied.
  virtual Result<void> remove(std::string_view name) = 0;
  // With those below it. Exists; Denied: into itself. INBOX stays, empty, and so do those below it.
  virtual Result<void> rename(std::string_view from, std::string_view to) = 0;
  virtual Result<void> subscribe(std::string_view name, bool on) = 0;
};

}  // namespace mail::store
