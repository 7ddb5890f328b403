// What mbox and Maildir have in common: UIDs, MODSEQ and acknowledged changes come from a StateLog;
// the format says what lies there now, and takes changes over when it can.
//
// Lock order: the format's own lock, then the state log's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/store/mailbox.h"
#include "libmail/store/message_cache.h"
#include "libmail/store/settings.h"
#include "libmail/store/state_log.h"

namespace mail::store {

// A message as it lies in the format.
struct Item {
  std::uint64_t fingerprint = 0;  // what it is known by,
  std::string_view name;          // or its name, where it has one
  Flags flags;
  bool old = false;
  bool is_measured = true;
  Measure measure;
  std::uint32_t uid_hint = 0;  // UID that the format itself gives (X-UID, dovecot-uidlist); 0:
                               // none, or not to be believed
  // Of a message of our own append: acknowledged in the line that gives it its UID, and taken over
  // into the format later, as far as they are not there.
  const Flags* wished = nullptr;
  Uid uid;  // reconcile() sets it
};

class LoggedMailbox : public Mailbox {
 public:
  // `index_path`: empty: no index.
  LoggedMailbox(std::string log_path, const std::string& index_path, const Settings& settings);

  Result<MailboxStatus> status() override;
  Result<Changes> since(ModSeq after) override;
  Result<Changes> change(const Edit& edit) override;
  Result<Measure> measure(Uid uid) override;
  Result<void> lock_exclusively() override;
  [[nodiscard]] MessageCache* cache() override;

 protected:
  // Brings log and format together: afterwards state() is today's, durable, and every message that
  // lies there has its UID in it. Its messages need not be loaded.
  virtual Result<void> refresh() = 0;
  // Takes acknowledged changes over into the format as far as is cheap; errors are not the caller's
  // any more.
  virtual void take_over(bool flags, bool expunged) = 0;
  // Of a message whose Item was not measured; remembers it.
  virtual Result<Measure> measure_now(Uid uid);
  void remember(Uid uid, const Measure& measure);
  // What was learned, to the log, if that costs no waiting.
  void tell_measures(std::size_t least);
  // Flags of a message whose entry is known: where the format cannot hold all of them.
  virtual Flags flags_of(const Entry& entry, const Item& item) const;

  // Before acknowledged flags are written for these: the last moment in which state() has those
  // that the format has.
  virtual void before_change(const std::vector<Change>& /*wishes*/) {}
  // The format's own part of the index; with what restore() is called next.
  virtual void put_format(IndexWriter& writer) = 0;
  virtual void restore() = 0;

  // Under the log's lock: finds the items' UIDs, gives new ones, notes what is gone or altered.
  // A new message takes the UID that the format gives it where that is above all before it, any
  // other one from `floor` on.
  Result<void> reconcile(const std::vector<Item*>& items, Uid floor = {});
  // The same where all but these lies there as it did; the first is the known `uid`.
  Result<void> reconcile_tail(Uid uid, const std::vector<Item*>& items, Uid floor = {});
  // Under the log's lock: gives UIDs to items of which it is known that they are new, and that
  // nothing else has changed.
  Result<void> add_new(const std::vector<Item*>& items);
  // What others have written, and what an index says of the format where one was read.
  Result<void> catch_up();
  // state().messages in memory. Without it, after a refresh() that had nothing to do, only what
  // MessageTable::is_whole() names may be asked of them.
  Result<void> load();
  // Writes the index where it would save the next opener enough.
  void save_index();
  // Chooses UIDVALIDITY when there is none yet.
  void choose_identity(Ops& ops, UidValidity wished) const;

  [[nodiscard]] const State& state() const { return log_.state(); }
  [[nodiscard]] WallTime now() const { return clock_.now(); }
  static MessageInfo info_of(const Entry& entry);

  const Settings settings_;
  const Clock& clock_;
  StateLog log_;
  std::vector<Uid> measured_;    // not told to the log yet
  bool is_index_stale_ = false;  // the format's own part of it would cost the next opener much

 private:
  static Result<void> add(Item& item, Ops& ops, ModSeq modseq, Uid& next);
  // `ops`, if `any`, has something already.
  Result<void> reconcile_behind(Uid after, std::span<Item* const> items, Uid floor, Ops& ops,
                                ModSeq modseq, bool any);
  bool compare(const Entry& entry, const Item& item, ModSeq modseq, Ops& ops) const;

  void follow_index();
  [[nodiscard]] std::string session_path() const { return log_.path() + ".session"; }
  Result<void> wait_for_session() const;

  FileDescriptor session_lock_;
  std::shared_ptr<const Index> restored_;
  MessageCache cache_;  // behind what it looks into
};

// A Mailbox that shares its implementation with the readers it has given out, and with other
// openers in the same process (a second descriptor of our own would conflict with the first one's
// lock).
class SharedMailbox final : public Mailbox {
 public:
  explicit SharedMailbox(std::shared_ptr<Mailbox> core) : core_(std::move(core)) {}
  Result<MailboxStatus> status() override { return core_->status(); }
  Result<Changes> since(ModSeq after) override { return core_->since(after); }
  Result<Changes> change(const Edit& edit) override { return core_->change(edit); }
  Result<Measure> measure(Uid uid) override { return core_->measure(uid); }
  Result<Appended> append(MessageSource& message, const AppendOptions& options) override {
    return core_->append(message, options);
  }
  Result<std::vector<Uid>> append_all(std::span<const NewMessage> messages) override {
    return core_->append_all(messages);
  }
  Result<std::unique_ptr<MessageReader>> open(Uid uid, View view) override {
    return core_->open(uid, view);
  }
  Result<std::string> from_line(Uid uid) override { return core_->from_line(uid); }
  [[nodiscard]] std::shared_ptr<void> hold_for_reading() override {
    return core_->hold_for_reading();
  }
  Result<std::map<Uid, FormerIds>> former_ids() override { return core_->former_ids(); }
  [[nodiscard]] MessageCache* cache() override { return core_->cache(); }
  [[nodiscard]] int event_fd() override { return core_->event_fd(); }
  [[nodiscard]] bool is_unsettled() const override { return core_->is_unsettled(); }
  void settle() override { core_->settle(); }
  Result<void> fold() override { return core_->fold(); }
  Result<void> lock_exclusively() override { return core_->lock_exclusively(); }

 private:
  std::shared_ptr<Mailbox> core_;
};

}  // namespace mail::store
