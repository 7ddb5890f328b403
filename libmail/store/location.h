// mail_location as Dovecot 2.3 spells it: FORMAT:ROOT[:KEY[=VALUE]].. with %u %n %d %h %i,
// modifiers such as %1n, %2.1n, %-2u, %Lu, %Ud, %Rn, %Hd, and 2.4's %{user}; "::" is a colon in a
// path. FORMAT is mbox, maildir or auto, or left out: then what lies at ROOT decides.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/settings.h"

namespace mail::store {

struct User {
  std::string name;  // whole login name
  std::string home;
  uid_t uid = 0;
};

enum class Format : std::uint8_t { Mbox, Maildir };

// A directory that mail_location names with variables. It appears with the first message (S56), and
// so do the levels between `base` and it: everybody's, as %d or %1n, so they are root's.
struct Branch {
  std::string base;  // before the first variable: the administrator's, never made
  std::string path;  // below it
  bool is_spool;     // several users' INBOXes lie in it; else it is the user's
};

struct Location {
  Format format = Format::Mbox;
  std::string root;                  // the mail root; absolute
  std::string inbox;                 // INBOX=, or what follows from the root
  std::string index;                 // INDEX=; empty: beside the mail
  std::string control;               // CONTROL=; empty: beside the mail
  std::string layout;                // LAYOUT=: "fs" (mbox's default), "Maildir++" or "imapdir"
  std::string directory_name{};      // DIRNAME=: the mailbox lies in its directory under this name
  std::string subscriptions{};       // SUBSCRIPTIONS=: that file's name; empty: the format's own
  bool is_utf8 = false;              // UTF-8: names lie on disk as they are, not in modified UTF-7
  bool drops_empty_parents = false;  // NO-NOSELECT
  std::vector<Branch> branches{};
  bool root_holds_home = false;  // it is the home, or above it
};

// Whether a process can make it by itself: the deepest directory there is, from the base on, is its
// own (`vmail`), not one where it could shut out others.
bool is_own_branch(const Branch& branch);

// Errors: Config (unknown format, key or variable, no home for ~; the public text says which, or
// that the name would lead the path up).
Result<std::string> expand_variables(std::string_view text, const User& user);
Result<Location> parse_location(std::string_view mail_location, const User& user);

// For an empty mail_location (S52): ~/Maildir if it is one, or an empty directory and there is no
// mail elsewhere; else mbox with the INBOX in the spool directory and folders in ~/mail (~/Mail if
// only that is there and Dovecot had its mailboxes in it), whether they exist yet or not.
Location default_location(const User& user, const std::string& spool_directory);

// Where an account's mail lies, for those who deliver it and those who read it alike. First of: the
// account's own mail_location (password file), mail_location, home_mailbox, default_location().
struct Located {
  Location location;
  std::string rule;  // the setting that said so, for traces
};
Result<Located> locate_mail(const Settings& settings, const User& user,
                            const std::string& account_location);

}  // namespace mail::store
