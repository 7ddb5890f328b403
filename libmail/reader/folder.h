// Folder: a Mailbox as mail-reader shows it: numbered messages with what a session does to them.
// Nothing reaches the mailbox before finish(): `exit` leaves it octet for octet as it was.
//
// Status in an mbox: none = new, "O" = seen in a list by an earlier session, "RO" = read. Unread
// counts include new ones (requirements S67).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/message/header_section.h"
#include "libmail/store/mailbox.h"

namespace mail::reader {

struct Entry {
  store::Uid uid;
  store::Flags flags;      // as stored, with this session's answered, flagged, draft
  store::Flags stored;     // as stored when it was read in
  bool is_new = false;     // no session has shown it before
  bool is_read = false;    // stored as seen, or read in this session
  bool read_now = false;   // read in this session: shown as "Status: R" or "Status: RO"
  bool shown_now = false;  // shown in this session
  bool deleted = false;
  bool saved = false;          // save: removed at the end unless keepsave
  bool preserved = false;      // hold, preserve
  bool to_mbox = false;        // mbox, touch without hold
  bool flags_changed = false;  // flag, unflag, answered
  std::uint64_t octets = 0;    // as stored, bookkeeping fields included
  std::uint64_t lines = 0;
  std::string from_line;  // "From boss@linuxprobe.com  Sat Aug 15 19:02:06 2017"
  message::HeaderSection header;
};

struct Counts {
  std::size_t messages = 0, new_ones = 0, unread = 0, deleted = 0;
};

class Folder {
 public:
  // Reads every message once: sizes and lines are those of the file. `name` is for display.
  static Result<Folder> load(std::shared_ptr<store::Mailbox> mailbox, std::string name);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // Message numbers count from 1; `number` must be in range.
  [[nodiscard]] Entry& at(std::size_t number) { return entries_.at(number - 1); }
  [[nodiscard]] const Entry& at(std::size_t number) const { return entries_.at(number - 1); }
  [[nodiscard]] Counts count() const;

  // The message that is current at first: first new, else first unread, else 1 (0 when empty).
  [[nodiscard]] std::size_t first_current() const;

  // Octets of a message as stored.
  Result<std::unique_ptr<store::MessageReader>> open(std::size_t number);
  Result<std::string> read_all(std::size_t number);

  // What arrived meanwhile is numbered behind the rest; returns how many.
  Result<std::size_t> load_new();

  // Whether finish() would alter the mailbox.
  [[nodiscard]] bool is_changed() const;
  // Writes the session's outcome: deleted (and `drop`ped) messages out, the rest old, read ones
  // seen.
  Result<void> finish(const std::vector<std::size_t>& drop);

 private:
  Folder() = default;
  Result<void> add(const store::MessageInfo& info);

  std::shared_ptr<store::Mailbox> mailbox_;
  std::string name_;
  std::vector<Entry> entries_;
  store::ModSeq seen_;
};

}  // namespace mail::reader
