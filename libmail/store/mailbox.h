// Mailbox: one folder of messages, whatever holds it (mbox, Maildir, memory, later a distributed
// store). No paths, inodes or offsets here. No protocol code knows which implementation it has.
//
// - Messages are known by Uid. UIDs ascend strictly, are never given twice under one UidValidity,
//   and are durable before anyone outside sees them.
// - change() is the only way to alter what is there, since() the only way to learn of changes, by
//   this or any other program; wait() is a hint, never the truth.
// - Bodies never change under a Uid.
// - Every opener first resolves open intents of interrupted appends (DESIGN.md section 4.5).
//
// Errors: InUse (lock not had in time), OverQuota, NoSpace, Denied, Corrupt (read as far as
// possible, log says what), NotFound (the uid is gone; the mailbox was removed).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/store/types.h"

namespace mail::store {

class MessageCache;

// A message that lies in a file of its own, whose octets nobody alters: a mailbox of the same kind
// may give that file another name instead of writing the octets once more.
struct MessageFile {
  FileDescriptor fd;
  std::uint64_t wire_size = 0;  // octets of View::Wire
  bool may_be_lost = false;     // by a power failure: not known to be durable
};

// A message's octets by ranges; memory does not grow with its size. Stays readable after the
// message is expunged by another (or says NotFound, never other octets).
class MessageReader {
 public:
  virtual ~MessageReader() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // Up to into.size() octets from `offset`; 0 at the end.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> into) = 0;
  // Up to `octets` from `offset` that are in memory anyway, until anything else is asked of the
  // mailbox. Empty: none; read them.
  virtual Result<std::string_view> peek(std::uint64_t /*offset*/, std::size_t /*octets*/) {
    return std::string_view{};
  }
  // Whether a line in what was read last may begin with a dot: who has to double it need not look
  // for one otherwise.
  [[nodiscard]] virtual bool may_have_dots() const { return true; }
  // Lives as long as the reader; null: not in a file of its own.
  [[nodiscard]] virtual const MessageFile* file() const { return nullptr; }
};

enum class View : std::uint8_t {
  Wire,  // what protocols send: CRLF line ends; Status, X-Status, X-UID, X-IMAP(base), X-Keywords,
         // Content-Length of an mbox left out (spec/mail-reader.md section 5.6)
  Stored,  // as it lies in the mailbox: its own line ends, bookkeeping fields shown, no From_ line.
           // mail-reader counts lines and octets of this one.
};

// Where octets of a message to append come from. Called once, from the start; sizes in octets.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  // Next octets; empty at the end. The view lives until the next call.
  virtual Result<std::string_view> next() = 0;
  // From the start again: append() may need to (hash first, or a retry). Errors are Io.
  virtual Result<void> rewind() = 0;
  // The file that holds these octets and no others, as MessageReader has it; null: read them.
  [[nodiscard]] virtual const MessageFile* file() const { return nullptr; }
};

struct AppendOptions {
  // Names the delivery (queue id and end point, or a transaction's id) for idempotence: a second
  // append with the same id stores nothing and succeeds. Empty for IMAP APPEND and COPY.
  std::string delivery_id;
  // The id may be tried again from the queue (intent is made durable first); false inside an SMTP
  // transaction (research/delivery-model.md).
  bool may_be_retried = false;
  // Called under the lock when nothing but storing is left; false: leave, nothing stored, Error
  // InUse. This is where deliver says `committing` and waits for `go` (delivery-changes.md).
  std::function<bool()> go;
  Flags flags;
  std::optional<WallTime> internal_date;  // default: now
  std::string envelope_sender;            // mbox From_ line; empty: MAILER-DAEMON
};

// One of several messages that are appended together.
struct NewMessage {
  // Its octets. Asked for one message after the other, when the source before is gone; perhaps a
  // second time, from the first message on.
  std::function<Result<std::unique_ptr<MessageSource>>()> open;
  Flags flags;
  std::optional<WallTime> internal_date;  // default: now
};

struct Appended {
  // 0 when it was already there, or gets its UID at the next look: deliveries, and where looking
  // failed after it was stored. Stored is never an error.
  Uid uid;
  bool was_stored_before = false;
  UidValidity uid_validity{};  // under which `uid` holds; 0: not told, status() knows
};

// Of since(): what changed in (after, upto]. Of change(): what it changed itself; others may have
// changed more before it, so its `upto` is nothing to ask since() from.
struct Changes {
  ModSeq upto;                        // of since(): ask from here next time
  std::vector<MessageInfo> messages;  // new or altered, ascending uid
  std::vector<Uid> vanished;          // ascending
  bool complete = false;  // not a difference: `messages` is all there is (first call, or `after` is
                          // older than what is remembered); anything else has vanished
};

// One wish of change(). Fields left empty stay as they are.
struct Change {
  Uid uid;
  std::optional<Flags> flags;
  bool mark_old = false;  // takes \Recent away
  bool expunge = false;
};

// How a server that had this mailbox before knew a message, where the format tells; empty: unknown.
struct FormerIds {
  std::string file_name;  // Maildir: the file's name up to its flags
  std::string guid;       // Maildir: dovecot-uidlist's G, or the file's name
  std::string pop3_uidl;  // dovecot-uidlist's P: the unique-id that POP3 clients were told
};

// Today's messages as seen under the lock. Asking for one costs no more in a large mailbox.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  [[nodiscard]] virtual std::optional<MessageInfo> find(Uid uid) const = 0;
  virtual void for_each(const std::function<void(const MessageInfo&)>& visit) const = 0;  // by uid
};
// Pure: looks at the snapshot and says what to change. May be called again.
using Edit = std::function<std::vector<Change>(const Snapshot&)>;

// Whether the mailbox's other messages can be read in spite of it.
inline bool concerns_one_message(const Error& error) {
  return error.code == Errc::NotFound || error.code == Errc::Denied || error.code == Errc::Loop ||
         error.code == Errc::Corrupt;
}

class Mailbox {
 public:
  virtual ~Mailbox() = default;

  // Costs no more in a large mailbox that is known.
  virtual Result<MailboxStatus> status() = 0;
  virtual Result<Changes> since(ModSeq after) = 0;  // ModSeq{0}: everything
  // Applies what `edit` wishes, durably, in one step. Returns the new state of what changed.
  virtual Result<Changes> change(const Edit& edit) = 0;
  virtual Result<Appended> append(MessageSource& message, const AppendOptions& options) = 0;
  // All of them in one step or, on an error, none: one lock, one durable write, UIDs ascending in
  // this order. Whoever is killed in it leaves all or, once the next opener has looked, none.
  // Returns the UIDs; empty where they are stored but looking failed. The octets may come from
  // this very mailbox; they are read before its lock is taken, except what is too much for memory.
  virtual Result<std::vector<Uid>> append_all(std::span<const NewMessage> messages) = 0;
  virtual Result<std::unique_ptr<MessageReader>> open(Uid uid, View view) = 0;
  // Where the format does not tell them the message is opened for it, once: what was learned is
  // remembered, by other sessions too after a since() or fold(). Of messages that since() has told.
  virtual Result<Measure> measure(Uid uid) = 0;
  // The mbox From_ line as it lies there, without its line end (wrong weekdays kept); other formats
  // compose one of Return-Path and INTERNALDATE.
  virtual Result<std::string> from_line(Uid uid) = 0;
  // For many reads in a row: while it lives, open() and readers need no lock of their own each.
  // Other programs' writers wait, so not for longer than a moment, never for a peer; no change(),
  // append() or fold() of this mailbox meanwhile. Empty: there is none to hold, or it was not had.
  [[nodiscard]] virtual std::shared_ptr<void> hold_for_reading() { return {}; }

  // What sessions have worked out of messages' octets; null: nothing is kept. Of messages that
  // since() has told.
  [[nodiscard]] virtual MessageCache* cache() { return nullptr; }

  // Of every message; empty where the format keeps none.
  virtual Result<std::map<Uid, FormerIds>> former_ids() { return {}; }

  // Readable when something may have changed (inotify); -1: none, poll since() instead.
  [[nodiscard]] virtual int event_fd() { return -1; }
  // Many changes that are durable may be left for a moment in which nobody waits, settle(): until
  // then other programs do not see them. fold() does it too.
  [[nodiscard]] virtual bool is_unsettled() const { return false; }
  virtual void settle() {}
  // Folds what is only in the state log into the mailbox's own format (mbox flags), as far as a
  // lock can be had; called at close. Destructors do not.
  virtual Result<void> fold() { return {}; }
  // Shuts others out until this object is gone (POP3's maildrop lock): another that asks for this
  // gets InUse at once, whoever delivers or changes anything waits, then gets InUse.
  virtual Result<void> lock_exclusively() { return {}; }
};

}  // namespace mail::store
