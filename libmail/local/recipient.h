// Recipient: delivery to one end point, in a process that already is the account it is for
// (DESIGN.md section 3). No sockets here: serve_recipient() below puts the record talk around it.
//
// - A user's mailbox: loops are refused (Delivered-To), .forward is followed, the rest is
//   store::append(delivery_id).
// - A .forward with exactly one target is served inside a transaction; with more it is Later there,
//   and the queue serves all of them. Mailboxes and files are idempotent by delivery id, addresses
//   by the asker's fixed queue names, commands are run at least once.
#pragma once

#include <functional>
#include <memory>

#include "libmail/alias/target.h"
#include "libmail/local/conversation.h"
#include "libmail/local/place.h"
#include "libmail/local/settings.h"
#include "libmail/store/mailbox.h"

namespace mail::local {

// What only the monitor can do for its recipient.
class Helper {
 public:
  virtual ~Helper() = default;
  virtual Result<void> make_mailbox() = 0;  // in the spool; no error when it is there
  virtual Result<void> take_dotlock(std::chrono::milliseconds timeout) = 0;  // InUse
  virtual void release_dotlock() = 0;
};

// Opens a mailbox file or Maildir for appending; the concrete stores are behind it.
using OpenMailbox = std::function<Result<std::unique_ptr<store::Mailbox>>(
    const auth::Identity& identity, const Place& place, std::chrono::milliseconds lock_timeout)>;

struct World {
  Settings settings;
  OpenMailbox open_mailbox;
  // Whether a domain is one of ours; the empty domain is.
  std::function<bool(std::string_view domain)> is_local_domain;
  // For an account with uid 0: a conversation with a process that is default_privs, which serves
  // the files, commands and lists of its .forward. Empty: those wait.
  std::function<Result<FileDescriptor>()> connect_stand_in;
};

class Recipient {
 public:
  Recipient(const World& world, Helper& helper, auth::Identity identity)
      : world_(world), helper_(helper), identity_(std::move(identity)) {}

  Verdict check(const alias::EndPoint& end_point, std::uint64_t size_octets);
  // `go`: says `committing` and waits for `go`; false: leave, nothing may be stored.
  Verdict deliver(const Delivery& delivery, const FileDescriptor& message,
                  const std::function<bool()>& go);
  // Where a message would go; nothing is done.
  Result<void> explain(const alias::EndPoint& end_point, Trace& trace);

 private:
  struct Job {
    const Delivery& delivery;
    const FileDescriptor& message;
    std::function<bool()> go;
  };
  Verdict deliver_to_user(const Job& job);
  Verdict deliver_to_targets(const Job& job, const std::vector<alias::Target>& targets);
  Verdict deliver_to_target(const Job& job, const alias::Target& target, std::size_t index);
  Verdict deliver_to_mailbox(const Job& job);
  Verdict deliver_by_stand_in(const Job& job, const alias::Target& target, std::size_t index);
  Verdict deliver_to_file(const Job& job, const std::string& path, const std::string& delivery_id);
  Verdict deliver_to_command(const Job& job, const std::string& command);
  Verdict deliver_to_include(const Job& job, const std::string& path);
  Verdict store(const Job& job, const Place& place, const std::string& delivery_id);
  [[nodiscard]] Verdict forward(const std::vector<alias::Target>& targets) const;
  [[nodiscard]] bool is_self(const alias::Target& target) const;

  const World& world_;
  Helper& helper_;
  auth::Identity identity_;
};

// Every failure that storing can have, as an answer. `later` where nothing better is known.
Verdict verdict_of(const Error& error);

// The log's word: "sent", "bounced" or "deferred".
std::string_view status_word(const Verdict& verdict);

// The talk of docs/delivery-records.md on `socket` until the asker leaves. `first` has been
// received already, with `message` when it is a Deliver record. One end point only.
void serve_recipient(Recipient& recipient, const FileDescriptor& socket, std::string first,
                     FileDescriptor message);

}  // namespace mail::local
