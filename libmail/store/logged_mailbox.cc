#include "libmail/store/logged_mailbox.h"

#include <fcntl.h>

#include <algorithm>
#include <unordered_map>

#include "libmail/base/sys.h"

namespace mail::store {
namespace {

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace

LoggedMailbox::LoggedMailbox(std::string log_path, const Settings& settings)
    : settings_(settings),
      clock_(settings.clock != nullptr ? *settings.clock : system_clock()),
      log_(std::move(log_path), clock_, StateLogOptions{.lock_timeout = settings.lock_timeout}) {}

MessageInfo LoggedMailbox::info_of(const Entry& entry) {
  return {entry.uid, entry.modseq, entry.flags, entry.old, entry.size, entry.date};
}

Flags LoggedMailbox::flags_of(const Entry& /*entry*/, const Item& item) const { return item.flags; }

Result<MailboxStatus> LoggedMailbox::status() {
  TRY(refresh());
  return MailboxStatus{state().uid_validity, state().uid_next, state().last, state().mailbox_id};
}

Result<Changes> LoggedMailbox::since(ModSeq after) {
  TRY(refresh());
  Changes changes;
  changes.upto = state().last;
  changes.complete = after.value == 0 || after < state().forgotten;
  if (!changes.complete && state().last <= after) return changes;  // nothing since
  for (const auto& [uid, entry] : state().messages) {
    if (changes.complete || entry.modseq > after) changes.messages.push_back(info_of(entry));
  }
  if (changes.complete) return changes;
  for (const auto& [modseq, uid] : state().vanished) {
    if (modseq > after) changes.vanished.push_back(uid);
  }
  std::sort(changes.vanished.begin(), changes.vanished.end());
  return changes;
}

Result<Changes> LoggedMailbox::change(const Edit& edit) {
  TRY(refresh());
  Changes changes;
  bool flags_changed = false;
  {
    const auto guard = TRY(log_.lock());
    std::vector<MessageInfo> snapshot;
    snapshot.reserve(state().messages.size());
    for (const auto& [uid, entry] : state().messages) snapshot.push_back(info_of(entry));
    Ops ops;
    const ModSeq modseq = log_.next_modseq(ops);
    bool any = false;
    for (const Change& wish : edit(snapshot)) {
      const auto found = state().messages.find(wish.uid);
      if (found == state().messages.end()) continue;
      if (wish.expunge) {
        ops.expunge(wish.uid, modseq);
        changes.vanished.push_back(wish.uid);
        any = true;
        continue;
      }
      MessageInfo info = info_of(found->second);
      if (wish.flags) info.flags = *wish.flags;
      if (wish.mark_old) info.old = true;
      if (info == info_of(found->second)) continue;
      info.modseq = modseq;
      ops.flags(wish.uid, modseq, info.flags, info.old);
      changes.messages.push_back(std::move(info));
      any = flags_changed = true;
    }
    if (any) TRY(log_.write(ops, true));
    changes.upto = state().last;
  }
  std::sort(changes.vanished.begin(), changes.vanished.end());
  const bool expunged = !changes.vanished.empty();
  if (flags_changed || expunged) take_over(flags_changed, expunged);
  return changes;
}

// RFC 1939 section 3: an exclusive-access lock on the maildrop, against other such sessions.
Result<void> LoggedMailbox::lock_exclusively() {
  if (session_lock_.is_open()) return {};
  const std::string path = log_.path() + ".session";
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

Result<void> LoggedMailbox::add(Item& item, Ops& ops, ModSeq modseq, Uid& next) {
  if (next.value == UINT32_MAX) return fail(Errc::TooMany, "Mailbox has run out of UIDs");
  ops.message({next, modseq, item.key, item.date, item.size, item.flags, item.old, false});
  if (item.wished != nullptr && (*item.wished != item.flags || item.old)) {
    ops.flags(next, modseq, *item.wished, false);
  }
  item.uid = next;
  ++next.value;
  return {};
}

Result<void> LoggedMailbox::add_new(const std::vector<Item*>& items) {
  Ops ops;
  const ModSeq modseq = log_.next_modseq(ops);
  Uid next = state().uid_next;
  for (Item* item : items) TRY(add(*item, ops, modseq, next));
  TRY(log_.write(ops, true));
  return log_.sync();
}

Result<void> LoggedMailbox::reconcile(std::vector<Item*>& items, bool trust_hints) {
  // Known UIDs by key, ascending: of equal messages the first in the mailbox is the first known.
  struct Known {
    std::vector<Uid> uids;
    std::size_t taken = 0;
  };
  std::unordered_map<std::string_view, Known> known;
  known.reserve(state().messages.size() + state().doomed.size());
  for (const auto& [uid, entry] : state().messages) known[entry.key].uids.push_back(uid);
  for (const auto& [uid, entry] : state().doomed) {
    auto& uids = known[entry.key].uids;
    uids.insert(std::upper_bound(uids.begin(), uids.end(), uid), uid);
  }
  Ops ops;
  const ModSeq modseq = log_.next_modseq(ops);
  bool any = false;
  Uid next = state().uid_next;
  for (Item* item : items) {
    const auto found = known.find(item->key);
    if (found != known.end() && found->second.taken < found->second.uids.size()) {
      item->uid = found->second.uids.at(found->second.taken++);
      const auto at = state().messages.find(item->uid);
      if (at == state().messages.end()) continue;  // doomed
      const Entry& entry = at->second;
      const Flags flags = flags_of(entry, *item);
      const bool same = flags == entry.flags && item->old == entry.old;
      if (same && entry.pending) {  // taken over, but the log did not get to say so
        ops.stored(entry.uid, entry.modseq, flags, entry.old);
        any = true;
      } else if (!same && !entry.pending) {
        ops.stored(entry.uid, modseq, flags, item->old);
        any = true;
      }
      continue;
    }
    if (trust_hints && item->uid_hint >= next.value) next = {item->uid_hint};
    TRY(add(*item, ops, modseq, next));
    any = true;
  }
  for (const auto& [key, messages] : known) {
    for (std::size_t i = messages.taken; i < messages.uids.size(); ++i) {
      ops.gone(messages.uids.at(i), modseq);
      any = true;
    }
  }
  if (any) TRY(log_.write(ops, true));
  return log_.sync();
}

}  // namespace mail::store
