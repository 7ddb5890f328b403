#include "libmail/store/logged_mailbox.h"

#include <fcntl.h>
#include <malloc.h>

#include <algorithm>
#include <thread>

#include "libmail/base/sys.h"

namespace mail::store {
namespace {

constexpr std::size_t kMany = 1000;

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

class TableSnapshot final : public Snapshot {
 public:
  TableSnapshot(const MessageTable& table, MessageInfo (*info_of)(const Entry&))
      : table_(table), info_of_(info_of) {}
  [[nodiscard]] std::optional<MessageInfo> find(Uid uid) const override {
    const Entry* const entry = table_.find(uid);
    if (entry == nullptr) return std::nullopt;
    return info_of_(*entry);
  }
  void for_each(const std::function<void(const MessageInfo&)>& visit) const override {
    for (const Entry& entry : table_) visit(info_of_(entry));
  }

 private:
  const MessageTable& table_;
  MessageInfo (*info_of_)(const Entry&);
};

}  // namespace

LoggedMailbox::LoggedMailbox(std::string log_path, const std::string& index_path,
                             const Settings& settings)
    : settings_(settings),
      clock_(settings.clock != nullptr ? *settings.clock : system_clock()),
      log_(std::move(log_path), clock_,
           StateLogOptions{.lock_timeout = settings.lock_timeout, .index_path = index_path}),
      cache_(MessageCache::path_for(index_path)) {}

MessageInfo LoggedMailbox::info_of(const Entry& entry) {
  return {entry.uid, entry.flags, entry.old != 0, entry.modseq};
}

Flags LoggedMailbox::flags_of(const Entry& /*entry*/, const Item& item) const { return item.flags; }

Result<MailboxStatus> LoggedMailbox::status() {
  TRY(refresh());
  log_.uids_are_told();
  save_index();
  const auto first_unseen = TRY(log_.first_unseen());
  TRY(log_.sync());
  const Counts& counts = state().messages.counts();
  MailboxStatus status;
  status.uid_validity = state().uid_validity;
  status.uid_next = state().uid_next;
  status.highest_modseq = state().last;
  status.mailbox_id = state().mailbox_id;
  status.messages = counts.messages;
  status.recent = counts.recent;
  status.unseen = counts.unseen;
  status.first_unseen = first_unseen;
  if (counts.unmeasured == 0) status.octets = counts.octets;
  status.keywords = state().messages.keywords();
  return status;
}

Result<Changes> LoggedMailbox::since(ModSeq after) {
  TRY(refresh());
  log_.uids_are_told();
  tell_measures(kMany);
  save_index();
  Changes changes;
  changes.upto = state().last;
  changes.complete = after.value == 0 || after < state().forgotten;
  if (!changes.complete && state().last <= after) return changes;  // nothing since
  TRY(load());
  if (changes.complete) changes.messages.reserve(state().messages.size());
  for (const Entry& entry : state().messages) {
    if (changes.complete || entry.modseq > after) changes.messages.push_back(info_of(entry));
  }
  if (changes.complete) return changes;
  for (const auto& [modseq, uid] : state().vanished) {
    if (modseq > after) changes.vanished.push_back(uid);
  }
  std::sort(changes.vanished.begin(), changes.vanished.end());
  return changes;
}

Result<Measure> LoggedMailbox::measure(Uid uid) {
  TRY(load());
  const Entry* const entry = state().messages.find(uid);
  if (entry == nullptr) return fail(Errc::NotFound, "Message is gone");
  if (entry->unmeasured == 0) return Measure{entry->size, entry->date};
  return measure_now(uid);
}

Result<Measure> LoggedMailbox::measure_now(Uid /*uid*/) {
  return fail(Errc::Internal, "Message was not measured");
}

void LoggedMailbox::remember(Uid uid, const Measure& measure) {
  log_.remember(uid, measure);
  measured_.push_back(uid);
}

void LoggedMailbox::tell_measures(std::size_t least) {
  if (measured_.size() < least) return;
  const auto guard = log_.try_lock();
  if (!guard) return;
  Ops ops;
  for (const Uid uid : measured_) {
    const Entry* const entry = state().messages.find(uid);
    if (entry != nullptr && entry->unmeasured == 0) ops.measure(uid, {entry->size, entry->date});
  }
  measured_.clear();
  if (!ops.empty()) static_cast<void>(log_.write(ops, false));
}

MessageCache* LoggedMailbox::cache() {
  if (!load()) return nullptr;
  cache_.belong_to(state().mailbox_id, state().uid_validity, state().messages);
  return &cache_;
}

Result<Changes> LoggedMailbox::change(const Edit& edit) {
  TRY(wait_for_session());
  TRY(refresh());
  Changes changes;
  bool flags_changed = false;
  {
    const auto guard = TRY(log_.lock());
    TRY(load());
    Ops ops;
    const ModSeq modseq = log_.next_modseq(ops);
    // A floor is durable in any case: no MODSEQ that was told is given again.
    const bool is_durable = settings_.sync_changes || modseq > state().floor;
    bool any = false;
    const auto wishes = edit(TableSnapshot{state().messages, info_of});
    before_change(wishes);
    for (const Change& wish : wishes) {
      const Entry* const found = state().messages.find(wish.uid);
      if (found == nullptr) continue;
      if (wish.expunge) {
        ops.expunge(wish.uid, modseq);
        changes.vanished.push_back(wish.uid);
        any = true;
        continue;
      }
      MessageInfo info = info_of(*found);
      if (wish.flags) info.flags = *wish.flags;
      if (wish.mark_old) info.old = true;
      if (info == info_of(*found)) continue;
      info.modseq = modseq;
      ops.flags(wish.uid, modseq, info.flags, info.old);
      changes.messages.push_back(info);
      any = flags_changed = true;
    }
    if (any) TRY(log_.write(ops, is_durable));
    changes.upto = state().last;
  }
  std::sort(changes.vanished.begin(), changes.vanished.end());
  const bool expunged = !changes.vanished.empty();
  if (flags_changed || expunged) take_over(flags_changed, expunged);
  return changes;
}

// Whoever has locked it exclusively need not have a lock on what is written here. Only asked, not
// locked: a session that begins meanwhile would be refused.
Result<void> LoggedMailbox::wait_for_session() const {
  if (session_lock_.is_open()) return {};
  const std::string path = session_path();
  const auto fd = sys::open(path, O_RDONLY | O_NOFOLLOW);
  if (!fd) return {};  // nobody ever has
  const auto deadline = std::chrono::steady_clock::now() + settings_.lock_timeout;
  for (;;) {
    struct ::flock request {};
    request.l_type = F_RDLCK;
    request.l_whence = SEEK_SET;
    if (::fcntl(fd->get(), F_OFD_GETLK, &request) != 0 || request.l_type == F_UNLCK) return {};
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Errc::InUse, "Mailbox is in use", path + " is held by another session");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

// RFC 1939 section 3: an exclusive-access lock on the maildrop, against other such sessions.
Result<void> LoggedMailbox::lock_exclusively() {
  if (session_lock_.is_open()) return {};
  const std::string path = session_path();
  TRY(make_private_directories(parent_directory(path)));
  auto fd = TRY(sys::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  TRY(sys::lock(fd, sys::Lock::Exclusive, std::chrono::milliseconds(0), path));
  session_lock_ = std::move(fd);
  return {};
}

void LoggedMailbox::choose_identity(Ops& ops, UidValidity wished) const {
  if (state().uid_validity.value != 0) return;
  // A damaged log may have given UIDs under the format's own value that nobody knows any more.
  if (wished.value == 0 || log_.is_damaged()) {
    const auto seconds = now().time_since_epoch() / std::chrono::seconds(1);
    wished = {std::max<std::uint32_t>(1, static_cast<std::uint32_t>(seconds))};
  }
  ops.uid_validity(wished);
}

Result<void> LoggedMailbox::catch_up() {
  TRY(log_.catch_up());
  follow_index();
  return {};
}

Result<void> LoggedMailbox::load() {
  TRY(log_.load_messages());
  follow_index();
  return log_.sync();
}

// What an index says of the format goes with it when it turns out damaged.
void LoggedMailbox::follow_index() {
  if (log_.index() == restored_ || (!log_.index() && !log_.is_index_distrusted())) return;
  restored_ = log_.index();
  restore();
}

void LoggedMailbox::save_index() {
  if (is_unsettled()) return;  // another would follow
  if (log_.is_damaged() || (!is_index_stale_ && !log_.is_index_behind())) return;
  is_index_stale_ = false;
  if (!settings_.sync_changes && !log_.sync_own()) return;
  const auto saved = log_.save_index([this](IndexWriter& writer) { put_format(writer); });
  if (!saved) return;
  restored_ = log_.index();
  restore();
  // A first look at a large mailbox takes several hundred octets a message, in small pieces.
  if (state().messages.size() > kMany) ::malloc_trim(0);
}

}  // namespace mail::store
