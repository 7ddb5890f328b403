// Layout: how the names of mailboxes lie on disk below a mail root (LAYOUT=, DIRNAME= and UTF-8 of
// mail_location), for every format alike:
//
//   fs         A/B    levels are directories
//   Maildir++  .A.B   all in the root, levels between dots
//   imapdir    A.B    the same without the first dot
//
// A name that no mailbox can have there is refused; one that lies there all the same is not shown.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/location.h"
#include "libmail/store/mail_store.h"

namespace mail::store {

class Layout {
 public:
  explicit Layout(const Location& location);

  [[nodiscard]] bool is_flat() const { return kind_ != Kind::Fs; }
  // Between levels on disk, and in names where no namespace says otherwise in Dovecot.
  [[nodiscard]] char separator() const { return is_flat() ? '.' : '/'; }

  // Below the root; of a name that check_mailbox_name() has passed. Denied (cannot()).
  [[nodiscard]] Result<std::string> path_of(std::string_view checked_name) const;
  // The same as another program may have written it, with UTF-8 or "&" as they are; empty: none.
  [[nodiscard]] std::string other_path_of(std::string_view checked_name) const;
  // Empty: no mailbox's.
  [[nodiscard]] std::string name_of(std::string_view path) const;

 private:
  enum class Kind : std::uint8_t { Fs, MaildirPlusPlus, ImapDir };
  [[nodiscard]] std::string to_path(std::string coded) const;
  [[nodiscard]] std::string_view fault_of(std::string_view level) const;

  Kind kind_;
  Format format_;
  std::string directory_name_;
  std::string subscriptions_;
  bool is_utf8_;
  bool has_homes_files_;  // .forward, .ssh...: not the business of who reads mail
};

char separator_of(const Location& location);  // Layout::separator()

// Where `path` below `root` really lies: symbolic links may lead about inside the root, not out of
// it (Denied). The last level is not followed.
Result<std::string> resolve_below(const std::string& root, const std::string& path);

// \Noselect entries for levels that are only the beginning of other names; has_children.
void add_parents(std::map<std::string, MailboxName>& found);

bool is_at_or_below(std::string_view name, std::string_view parent);

}  // namespace mail::store
