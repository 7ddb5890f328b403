// LoggedMailbox: which message of before each one is that lies there now.
#include <algorithm>
#include <unordered_map>

#include "libmail/store/hash.h"
#include "libmail/store/logged_mailbox.h"

namespace mail::store {
namespace {

// The known messages, ascending: of equal ones the first in the mailbox is the first known. Mostly
// all lie in the order in which they are known; what does not is found by its hash.
class Known {
 public:
  // Those behind `after`.
  Known(const State& state, bool by_name, Uid after) : names_(state.names), by_name_(by_name) {
    for (const Entry& entry : state.messages.after(after)) entries_.push_back(&entry);
    const auto middle = static_cast<std::ptrdiff_t>(entries_.size());
    for (const Entry& entry : state.doomed.after(after)) entries_.push_back(&entry);
    std::inplace_merge(entries_.begin(), entries_.begin() + middle, entries_.end(),
                       [](const Entry* a, const Entry* b) { return a->uid < b->uid; });
  }

  // Null: not known, or all of its like are taken. Of equal ones the one with the format's own UID.
  const Entry* take(const Item& item) {
    if (next_ < entries_.size() && matches(*entries_.at(next_), item) &&
        (item.uid_hint == 0 || entries_.at(next_)->uid.value == item.uid_hint) && !has_hashes_) {
      return entries_.at(next_++);
    }
    if (next_ == entries_.size()) return nullptr;
    make_hashes();
    if (item.uid_hint != 0) {
      const auto exact =
          std::lower_bound(entries_.begin(), entries_.end(), Uid{item.uid_hint},
                           [](const Entry* one, Uid wanted) { return one->uid < wanted; });
      if (exact != entries_.end() && (*exact)->uid.value == item.uid_hint &&
          matches(**exact, item)) {
        if (const Entry* const entry = give(static_cast<std::size_t>(exact - entries_.begin()))) {
          return entry;
        }
      }
    }
    const std::uint64_t hash = item.name.empty() ? item.fingerprint : hash_of(item.name);
    auto at =
        std::lower_bound(hashes_.begin(), hashes_.end(), hash,
                         [](const Hashed& one, std::uint64_t want) { return one.hash < want; });
    auto& passed = passed_[hash];
    at += static_cast<std::ptrdiff_t>(passed);
    for (; at != hashes_.end() && at->hash == hash; ++at, ++passed) {
      if (!matches(*entries_.at(at->index), item)) continue;
      if (const Entry* const entry = give(at->index)) return entry;
    }
    return nullptr;
  }

  // What take() has not given.
  template <class Visit>
  void for_each_left(const Visit& visit) const {
    for (std::size_t i = next_; i < entries_.size(); ++i) {
      if (!is_given(i)) visit(*entries_.at(i));
    }
  }

 private:
  struct Hashed {
    std::uint64_t hash;
    std::size_t index;
  };

  // A name may look like a number.
  [[nodiscard]] std::string name_of(const Entry& entry) const {
    if (entry.key_is_name == 0) return std::to_string(entry.key_value);
    return std::string(names_.view(entry.key_value));
  }
  [[nodiscard]] bool matches(const Entry& entry, const Item& item) const {
    if (!by_name_) return entry.key_is_name == 0 && entry.key_value == item.fingerprint;
    if (entry.key_is_name != 0) return names_.view(entry.key_value) == item.name;
    return name_of(entry) == item.name;
  }
  [[nodiscard]] bool is_given(std::size_t index) const {
    return index < next_ || (has_hashes_ && given_.at(index - next_));
  }
  const Entry* give(std::size_t index) {
    if (is_given(index)) return nullptr;
    given_.at(index - next_) = true;
    return entries_.at(index);
  }
  void make_hashes() {
    if (std::exchange(has_hashes_, true)) return;
    given_.resize(entries_.size() - next_);
    hashes_.reserve(entries_.size() - next_);
    for (std::size_t i = next_; i < entries_.size(); ++i) {
      const Entry& entry = *entries_.at(i);
      const bool is_number = entry.key_is_name == 0 && !by_name_;
      hashes_.push_back({is_number ? entry.key_value : hash_of(name_of(entry)), i});
    }
    std::sort(hashes_.begin(), hashes_.end(), [](const Hashed& a, const Hashed& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.index < b.index;
    });
  }

  const Names& names_;
  bool by_name_;
  std::vector<const Entry*> entries_;
  std::size_t next_ = 0;  // entries before it are given
  bool has_hashes_ = false;
  std::vector<bool> given_;  // of those from next_ on
  std::vector<Hashed> hashes_;
  std::unordered_map<std::uint64_t, std::size_t> passed_;  // by hash: so many are given
};

}  // namespace

Result<void> LoggedMailbox::add(Item& item, Ops& ops, ModSeq modseq, Uid& next) {
  if (next.value == UINT32_MAX) return fail(Errc::TooMany, "Mailbox has run out of UIDs");
  Entry entry;
  entry.uid = next;
  entry.modseq = modseq;
  if (item.is_measured) entry.set_measure(item.measure);
  if (!item.is_measured) entry.unmeasured = 1;
  entry.flags = item.flags;
  entry.old = item.old ? 1 : 0;
  if (item.name.empty()) ops.message(entry, std::to_string(item.fingerprint));
  if (!item.name.empty()) ops.message(entry, item.name);
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

// Whether there is something to note of a message that lies there still.
bool LoggedMailbox::compare(const Entry& entry, const Item& item, ModSeq modseq, Ops& ops) const {
  const Flags flags = flags_of(entry, item);
  const bool is_same = flags == entry.flags && item.old == (entry.old != 0);
  if (is_same == (entry.pending == 0)) return false;
  // Taken over, but the log did not get to say so; or changed by another program.
  ops.stored(entry.uid, is_same ? entry.modseq : modseq, flags, item.old);
  return true;
}

Result<void> LoggedMailbox::reconcile_tail(Uid uid, const std::vector<Item*>& items, Uid floor) {
  const bool is_last = items.size() == 1 && state().uid_next == Uid{uid.value + 1};
  if (!is_last) TRY(log_.load_names());
  Ops ops;
  const ModSeq modseq = log_.next_modseq(ops);
  items.front()->uid = uid;
  const Entry* const entry = TRY(log_.fetch(uid));
  const bool any = entry != nullptr && compare(*entry, *items.front(), modseq, ops);
  if (is_last) {
    if (any) TRY(log_.write(ops, true));
    return log_.sync();
  }
  return reconcile_behind(uid, std::span(items).subspan(1), floor, ops, modseq, any);
}

Result<void> LoggedMailbox::reconcile(const std::vector<Item*>& items, Uid floor) {
  TRY(log_.load_names());
  Ops ops;
  const ModSeq modseq = log_.next_modseq(ops);
  return reconcile_behind({}, items, floor, ops, modseq, false);
}

Result<void> LoggedMailbox::reconcile_behind(Uid after, std::span<Item* const> items, Uid floor,
                                             Ops& ops, ModSeq modseq, bool any) {
  constexpr std::size_t kOctets = 48;  // of a message's line, roughly
  if (state().messages.empty()) ops.reserve(items.size() * kOctets);
  Known known{state(), !items.empty() && !items.front()->name.empty(), after};
  const Uid first = state().uid_next;
  Uid next = first;
  for (Item* item : items) {
    // Above all of ours: another program has given the message its UID anew.
    const bool is_renumbered = item->uid_hint >= first.value;
    if (const Entry* const entry = is_renumbered ? nullptr : known.take(*item)) {
      item->uid = entry->uid;
      const bool is_doomed = state().doomed.contains(entry->uid);
      if (!is_doomed && compare(*entry, *item, modseq, ops)) any = true;
      continue;
    }
    next = std::max(next, item->uid_hint >= next.value ? Uid{item->uid_hint} : floor);
    TRY(add(*item, ops, modseq, next));
    any = true;
  }
  known.for_each_left([&](const Entry& entry) {
    ops.gone(entry.uid, modseq);
    any = true;
  });
  if (any) TRY(log_.write(ops, true));
  return log_.sync();
}

}  // namespace mail::store
