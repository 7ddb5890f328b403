#include "libmail/store/message_table.h"

#include <algorithm>

namespace mail::store {

std::vector<Entry>::const_iterator MessageTable::at_or_after(Uid uid) const {
  if (entries_.empty() || entries_.back().uid < uid) return entries_.end();
  return std::lower_bound(entries_.begin(), entries_.end(), uid,
                          [](const Entry& entry, Uid wanted) { return entry.uid < wanted; });
}

const Entry* MessageTable::find(Uid uid) const {
  const auto at = at_or_after(uid);
  if (at == entries_.end() || at->uid != uid || at->removed != 0) return nullptr;
  return &*at;
}

std::size_t MessageTable::rank(Uid uid) const {
  const auto at = at_or_after(uid);
  if (removed_ == 0) return static_cast<std::size_t>(at - entries_.begin());
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), at, [](const Entry& entry) { return entry.removed == 0; }));
}

MessageTable::Rest MessageTable::after(Uid uid) const {
  const auto at = at_or_after({uid.value + 1});
  return {{entries_.data() + (at - entries_.begin()), past_end()}, end()};
}

void MessageTable::put(const Entry& entry) {
  pending_ += entry.pending;
  if (entries_.empty() || entries_.back().uid < entry.uid) {
    entries_.push_back(entry);
    return;
  }
  const auto at = at_or_after(entry.uid);
  if (at == entries_.end() || at->uid != entry.uid) {
    entries_.insert(at, entry);
    return;
  }
  Entry& before = entries_.at(static_cast<std::size_t>(at - entries_.begin()));
  if (before.removed != 0) {
    --removed_;
  } else {
    pending_ -= before.pending;
  }
  before = entry;
}

std::optional<Entry> MessageTable::take(Uid uid) {
  const auto at = at_or_after(uid);
  if (at == entries_.end() || at->uid != uid || at->removed != 0) return std::nullopt;
  Entry& entry = entries_.at(static_cast<std::size_t>(at - entries_.begin()));
  const Entry taken = entry;
  pending_ -= entry.pending;
  entry.removed = 1;
  ++removed_;
  if (removed_ > entries_.size() / 8) sweep();
  return taken;
}

void MessageTable::sweep() {
  std::erase_if(entries_, [](const Entry& entry) { return entry.removed != 0; });
  removed_ = 0;
}

bool MessageTable::add(std::span<const Entry> entries) {
  Uid last = entries_.empty() ? Uid{} : entries_.back().uid;
  std::size_t pending = 0;
  for (const Entry& entry : entries) {
    if (entry.uid <= last || entry.removed != 0) return false;
    last = entry.uid;
    pending += entry.pending;
  }
  entries_.insert(entries_.end(), entries.begin(), entries.end());
  pending_ += pending;
  return true;
}

}  // namespace mail::store
