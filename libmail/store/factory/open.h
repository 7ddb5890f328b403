// From mail_location to a MailStore: the one place that knows all formats.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/base/result.h"
#include "libmail/store/location.h"
#include "libmail/store/mail_store.h"
#include "libmail/store/settings.h"

namespace mail::store {

// Creates nothing: directories and files appear with the first append or change. Errors: Config.
Result<std::unique_ptr<MailStore>> open_mail_store(const Settings& settings,
                                                   const auth::Identity& identity);

// One mailbox by its path (`mail-reader -f FILE`, $MAIL): an mbox file or a Maildir. `path` being
// one of the user's own mailboxes, it is the same one that open_mail_store() gives. NotFound.
Result<std::unique_ptr<Mailbox>> open_mailbox_file(const Settings& settings,
                                                   const auth::Identity& identity,
                                                   const std::string& path);

// The directories below which a user's mail and its state lie or will lie, for confinement; those
// in the home, and our own branches, are made if they are not there (S59: a new user needs no
// mkdir). A symbolic link directly in the mail root counts as what it leads to. An mbox is named by
// its directory, since other programs replace the file by another.
Result<std::vector<std::string>> mail_directories(const Settings& settings,
                                                  const auth::Identity& identity);

}  // namespace mail::store
