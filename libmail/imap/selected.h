// Selected: one session's view of its selected mailbox. Sequence numbers are positions in it; they
// move only when the client is told (RFC 3501 section 7.4.1), so the view may hold messages that
// the mailbox has no more.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/imap/sequence_set.h"
#include "libmail/store/mail_store.h"

namespace mail::imap {

// What a session knows of a message besides what the mailbox says.
struct Marks {
  bool recent = false;   // \Recent in this session
  bool gone = false;     // expunged by somebody, not told yet
  bool changed = false;  // flags differ from what was told
};

// Many sessions do no more than wait: the messages are listed when a command needs them, load().
class Selected {
 public:
  // Opens the mailbox; takes \Recent of its messages unless `read_only`.
  static Result<std::unique_ptr<Selected>> open(store::MailStore& store, std::string_view name,
                                                bool read_only);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_read_only() const { return read_only_; }
  [[nodiscard]] store::Mailbox& mailbox() { return *mailbox_; }
  // Lists the messages that the client knows of; before anything that needs positions. Corrupt:
  // too much has changed since to tell which those were.
  Result<void> load();
  [[nodiscard]] const std::vector<store::MessageInfo>& messages() const { return messages_; }
  [[nodiscard]] const store::MessageInfo& message(std::size_t position) const {
    return messages_.at(position);
  }
  [[nodiscard]] const Marks& marks(std::size_t position) const { return marks_.at(position); }
  // Its flags are to be told; have been.
  void mark_changed(std::size_t position, bool changed = true) {
    set(position, &Marks::changed, changed);
  }
  [[nodiscard]] std::uint32_t count() const {
    return static_cast<std::uint32_t>(is_loaded_ ? messages_.size() : opened_.messages);
  }
  [[nodiscard]] std::uint32_t count_recent() const { return marked_.recent; }

  // Positions in messages(), ascending. Syntax for a sequence number the client was never given;
  // unknown UIDs are left out silently (RFC 3501 section 6.4.8). Loads.
  Result<std::vector<std::size_t>> resolve(const SequenceSet& set, bool by_uid);
  // Position of a uid, or nothing.
  std::optional<std::size_t> find(store::Uid uid) const;

  // Learns what has changed. A lock that cannot be had is no error: next time then. Corrupt: what
  // the client knows of it does not hold any more.
  Result<void> refresh();
  // Takes over what change() returned; `tell`: altered flags are new to the client.
  void apply(store::Changes changes, bool tell);

  struct Telling {
    bool may_expunge = false;
    bool with_uid = false;
    bool with_modseq = false;
  };
  // Untagged EXPUNGE, EXISTS, RECENT, FLAGS and FETCH for what the client does not know.
  void tell(std::string& out, const Telling& telling);
  // The untagged responses of SELECT and EXAMINE (RFC 3501 section 6.3.1).
  void introduce(std::string& out);
  [[nodiscard]] store::ModSeq highest_modseq() const { return upto_; }

 private:
  Selected(std::string name, std::unique_ptr<store::Mailbox> mailbox, bool read_only)
      : name_(std::move(name)), mailbox_(std::move(mailbox)), read_only_(read_only) {}
  void set(std::size_t position, bool Marks::*mark, bool value);
  void merge(store::Changes changes, bool tell);
  void forget_gone();
  Result<void> take_recent(std::size_t first_new);
  bool learn_keywords(const store::Flags& flags);
  void put_flag_lists(std::string& out);

  std::string name_;
  std::unique_ptr<store::Mailbox> mailbox_;
  bool read_only_;
  store::MailboxStatus opened_;               // as the client was told at first
  bool is_loaded_ = false;                    // messages_ and marks_ are
  std::vector<store::MessageInfo> messages_;  // ascending uid
  std::vector<Marks> marks_;                  // of each
  struct {                                    // how many have which
    std::uint32_t recent = 0, gone = 0, changed = 0;
  } marked_;
  store::ModSeq upto_;
  std::uint32_t told_exists_ = 0;
  std::uint32_t told_recent_ = 0;
  store::Flags keywords_;  // all keywords seen
  bool keywords_changed_ = false;
};

}  // namespace mail::imap
