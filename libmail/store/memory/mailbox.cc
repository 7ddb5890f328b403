#include "libmail/store/memory/mailbox.h"

#include "libmail/message/from_line.h"
#include "libmail/message/line_ends.h"
#include "libmail/store/message_source.h"
#include "libmail/store/view.h"

namespace mail::store::memory {
namespace {

class MemorySnapshot final : public Snapshot {
 public:
  explicit MemorySnapshot(const Box& box) : box_(box) {}
  [[nodiscard]] std::optional<MessageInfo> find(Uid uid) const override {
    const auto found = box_.messages.find(uid);
    if (found == box_.messages.end()) return std::nullopt;
    return found->second.info;
  }
  void for_each(const std::function<void(const MessageInfo&)>& visit) const override {
    for (const auto& [uid, message] : box_.messages) visit(message.info);
  }

 private:
  const Box& box_;
};

}  // namespace

MemoryMailbox::~MemoryMailbox() {
  if (holds_lock_) box_->is_locked = false;
}

ModSeq MemoryMailbox::next_modseq() {
  const auto now = static_cast<std::uint64_t>(world_->clock.now().time_since_epoch().count());
  box_->status.highest_modseq = {std::max(box_->status.highest_modseq.value + 1, now)};
  return box_->status.highest_modseq;
}

Result<StoredMessage*> MemoryMailbox::find(Uid uid) {
  const auto found = box_->messages.find(uid);
  if (found == box_->messages.end()) return fail(Errc::NotFound, "Message is gone");
  return &found->second;
}

Result<MailboxStatus> MemoryMailbox::status() {
  TRY(world_->call());
  MailboxStatus status = box_->status;
  status.octets = 0;
  for (const auto& [uid, message] : box_->messages) {
    const Flags& flags = message.info.flags;
    if (!flags.has(Flag::Seen) && status.unseen++ == 0) status.first_unseen = status.messages;
    if (!message.info.old) ++status.recent;
    for (const auto& keyword : flags.keywords) status.keywords.insert(keyword);
    *status.octets += message.measure.size;
    ++status.messages;
  }
  return status;
}

Result<Changes> MemoryMailbox::since(ModSeq after) {
  TRY(world_->call());
  Changes changes;
  changes.upto = box_->status.highest_modseq;
  changes.complete = after.value == 0;
  for (const auto& [uid, message] : box_->messages) {
    if (message.info.modseq > after) changes.messages.push_back(message.info);
  }
  if (changes.complete) return changes;
  for (const auto& [modseq, uid] : box_->vanished) {
    if (modseq > after) changes.vanished.push_back(uid);
  }
  std::sort(changes.vanished.begin(), changes.vanished.end());
  return changes;
}

Result<void> MemoryMailbox::may_change() const {
  if (box_->is_locked && !holds_lock_) return fail(Errc::InUse, "Mailbox is in use");
  return {};
}

Result<Changes> MemoryMailbox::change(const Edit& edit) {
  TRY(world_->call());
  TRY(may_change());
  Changes changes;
  for (const Change& wish : edit(MemorySnapshot{*box_})) {
    const auto found = box_->messages.find(wish.uid);
    if (found == box_->messages.end()) continue;
    if (wish.expunge) {
      box_->messages.erase(found);
      box_->vanished[next_modseq()] = wish.uid;
      changes.vanished.push_back(wish.uid);
      continue;
    }
    MessageInfo& info = found->second.info;
    const MessageInfo before = info;
    if (wish.flags) info.flags = *wish.flags;
    if (wish.mark_old) info.old = true;
    if (info == before) continue;
    info.modseq = next_modseq();
    changes.messages.push_back(info);
  }
  changes.upto = box_->status.highest_modseq;
  return changes;
}

Result<Uid> MemoryMailbox::store(MessageSource& message, const AppendOptions& options) {
  StoredMessage stored;
  message::ToLf to_lf;
  for (;;) {
    const auto octets = TRY(message.next());
    if (octets.empty()) break;
    to_lf.feed(octets, stored.octets);
  }
  to_lf.finish(stored.octets);
  stored.envelope_sender = options.envelope_sender;
  stored.info.uid = box_->status.uid_next;
  stored.info.flags = options.flags;
  stored.measure.size = message::to_crlf(stored.octets).size();
  stored.measure.internal_date = options.internal_date.value_or(world_->clock.now());
  stored.info.modseq = next_modseq();
  ++box_->status.uid_next.value;
  const Uid uid = stored.info.uid;
  box_->messages[uid] = std::move(stored);
  return uid;
}

Result<Appended> MemoryMailbox::append(MessageSource& message, const AppendOptions& options) {
  TRY(world_->call());
  TRY(may_change());
  if (!options.delivery_id.empty()) {
    if (box_->deliveries.contains(options.delivery_id)) return Appended{{}, true};
  }
  if (options.go && !options.go()) return fail(Errc::InUse, "The other side went away");
  const Uid uid = TRY(store(message, options));
  if (!options.delivery_id.empty()) box_->deliveries[options.delivery_id] = uid;
  return Appended{uid, false, box_->status.uid_validity};
}

// All octets first: an error on the way leaves nothing.
Result<std::vector<Uid>> MemoryMailbox::append_all(std::span<const NewMessage> messages) {
  TRY(world_->call());
  TRY(may_change());
  std::vector<std::string> texts;
  for (const NewMessage& message : messages) {
    const auto source = TRY(message.open());
    std::string& text = texts.emplace_back();
    for (;;) {
      const auto octets = TRY(source->next());
      if (octets.empty()) break;
      text += octets;
    }
  }
  std::vector<Uid> uids;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    StringSource source{std::move(texts.at(i))};
    AppendOptions options;
    options.flags = messages[i].flags;
    options.internal_date = messages[i].internal_date;
    uids.push_back(TRY(store(source, options)));
  }
  return uids;
}

Result<std::unique_ptr<MessageReader>> MemoryMailbox::open(Uid uid, View view) {
  TRY(world_->call());
  const StoredMessage* message = TRY(find(uid));
  if (world_->unreadable.contains(uid)) return fail(Errc::Denied, "Message cannot be read");
  return std::make_unique<StringReader>(view == View::Wire ? message::to_crlf(message->octets)
                                                           : message->octets);
}

Result<Measure> MemoryMailbox::measure(Uid uid) {
  TRY(world_->call());
  const StoredMessage* message = TRY(find(uid));
  return message->measure;
}

Result<std::string> MemoryMailbox::from_line(Uid uid) {
  TRY(world_->call());
  const StoredMessage* message = TRY(find(uid));
  std::string line = message::format_from_line(message->envelope_sender,
                                               message::to_local(message->measure.internal_date));
  line.pop_back();
  return line;
}

Result<std::map<Uid, FormerIds>> MemoryMailbox::former_ids() {
  TRY(world_->call());
  std::map<Uid, FormerIds> ids;
  for (const auto& [uid, message] : box_->messages) ids[uid] = message.former_ids;
  return ids;
}

Result<void> MemoryMailbox::lock_exclusively() {
  TRY(world_->call());
  if (holds_lock_) return {};
  if (box_->is_locked) return fail(Errc::InUse, "Mailbox is in use");
  holds_lock_ = box_->is_locked = true;
  return {};
}

}  // namespace mail::store::memory
