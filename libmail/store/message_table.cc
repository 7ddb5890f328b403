#include "libmail/store/message_table.h"

#include <algorithm>
#include <cstdlib>

#include "libmail/base/log.h"

namespace mail::store {
namespace {

constexpr std::uint64_t kAtOnce = 6000;  // entries that stay in the processor's cache
constexpr std::uint64_t kPiece = 200;    // of which the first is wanted, mostly

bool is_unseen(const Entry& entry) { return !entry.flags.has(Flag::Seen); }

}  // namespace

// With the numbers of keyword sets that this process has given.
Result<void> MessageTable::Base::read(std::uint64_t position, std::span<Entry> into) const {
  TRY(index->read(section.at + position * sizeof(Entry), Index::as_octets(into)));
  const std::uint64_t names = index->header().names.octets;
  for (Entry& entry : into) {
    const std::uint32_t number = entry.flags.keywords.number();
    const bool is_known = number < sets->size() && entry.removed == 0 &&
                          (entry.key_is_name == 0 || entry.key_value < names);
    if (!is_known) return Index::corrupt();
    if (number != 0) entry.flags.keywords = sets->at(number);
  }
  return {};
}

Result<std::uint64_t> MessageTable::Base::position_of(Uid uid) const {
  std::uint64_t begin = 0;
  std::uint64_t end = count();
  while (begin < end) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    Entry entry{};
    TRY(read(middle, {&entry, 1}));
    if (entry.uid < uid) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

MessageTable MessageTable::left_in(std::shared_ptr<const Index> index, const Section& section,
                                   std::shared_ptr<const std::vector<KeywordSet>> sets) {
  MessageTable table;
  for (const KeywordSet& set : *sets) {
    if (table.sets_.size() <= set.number()) table.sets_.resize(set.number() + 1);
    table.sets_.at(set.number()) = true;
  }
  table.counts_ = index->header().counts;
  table.base_ = std::make_shared<Base>(Base{std::move(index), section, std::move(sets), {}});
  return table;
}

Result<MessageTable> MessageTable::in(std::shared_ptr<const Index> index, const Section& section,
                                      std::shared_ptr<const std::vector<KeywordSet>> sets) {
  MessageTable table = left_in(std::move(index), section, std::move(sets));
  TRY(table.load());
  return table;
}

Result<void> MessageTable::load() {
  if (is_whole()) return {};
  if (base_->section.octets % sizeof(Entry) != 0) return Index::corrupt();
  MessageTable whole;
  const std::uint64_t count = base_->count();
  whole.entries_.reserve(static_cast<std::size_t>(count) + entries_.size());
  whole.sets_ = sets_;
  std::vector<Entry> piece(static_cast<std::size_t>(std::min(count, kAtOnce)));
  for (std::uint64_t done = 0; done < count; done += piece.size()) {
    piece.resize(static_cast<std::size_t>(std::min(count - done, kAtOnce)));
    TRY(base_->read(done, piece));
    if (!whole.add(piece)) return Index::corrupt();
  }
  for (const Entry& entry : entries_) {
    if (entry.removed != 0) static_cast<void>(whole.take(entry.uid));
    if (entry.removed == 0) whole.put(entry);
  }
  *this = std::move(whole);
  return {};
}

Result<void> MessageTable::fetch(Uid uid) {
  if (is_whole()) return {};
  const auto at = at_or_after(uid);
  if (at != entries_.end() && at->uid == uid) return {};
  Entry entry{};
  const std::uint64_t position = TRY(base_->position_of(uid));
  if (position < base_->count()) TRY(base_->read(position, {&entry, 1}));
  if (position < base_->count() && entry.uid == uid) {
    auto& fetched = base_->fetched;
    fetched.insert(std::lower_bound(fetched.begin(), fetched.end(), uid), uid);
  } else {
    entry = {};
    entry.uid = uid;
    entry.removed = 1;
    ++removed_;
  }
  entries_.insert(at, entry);
  return {};
}

Result<std::optional<std::size_t>> MessageTable::first_unseen() const {
  if (is_whole()) {
    const auto at = std::find_if(begin(), end(), is_unseen);
    if (at == end()) return std::optional<std::size_t>{};
    return std::optional<std::size_t>{rank(at->uid)};
  }
  const auto is_fetched = [&](Uid uid) {
    return std::binary_search(base_->fetched.begin(), base_->fetched.end(), uid);
  };
  // Of those in memory, and of the others; whichever comes first.
  std::optional<Uid> first;
  std::uint64_t in_memory = 0;
  for (const Entry& entry : entries_) {
    if (entry.removed != 0 || !is_unseen(entry)) continue;
    if (in_memory++ == 0) first = entry.uid;
  }
  const bool are_others = in_memory < counts_.unseen;
  const std::uint64_t count = base_->count();
  std::vector<Entry> piece;
  bool is_found = !are_others;
  for (std::uint64_t at = base_->index->header().first_unseen; at < count && !is_found;
       at += piece.size()) {
    piece.resize(static_cast<std::size_t>(std::min(count - at, kPiece)));
    TRY(base_->read(at, piece));
    const auto found = std::find_if(piece.begin(), piece.end(), [&](const Entry& entry) {
      return (first && *first < entry.uid) || (is_unseen(entry) && !is_fetched(entry.uid));
    });
    is_found = found != piece.end();
    if (is_found && (!first || found->uid < *first)) first = found->uid;
  }
  if (!first) return std::optional<std::size_t>{};
  auto before = static_cast<std::size_t>(TRY(base_->position_of(*first)));
  for (const Entry& entry : entries_) {
    if (entry.uid >= *first) break;
    if (is_fetched(entry.uid) && entry.removed != 0) --before;
    if (!is_fetched(entry.uid) && entry.removed == 0) ++before;
  }
  return std::optional<std::size_t>{before};
}

KeywordSet MessageTable::keywords() const {
  KeywordSet all;
  for (std::uint32_t number = 0; number < sets_.size(); ++number) {
    if (!sets_.at(number)) continue;
    KeywordSet set;
    set.set_number(number);
    for (const auto& keyword : set) all.insert(keyword);
  }
  return all;
}

void MessageTable::count(const Entry& entry) {
  ++counts_.messages;
  counts_.pending += entry.pending;
  counts_.recent += entry.old == 0 ? 1 : 0;
  counts_.unseen += is_unseen(entry) ? 1 : 0;
  counts_.unmeasured += entry.unmeasured;
  counts_.octets += entry.size;
  const std::uint32_t set = entry.flags.keywords.number();
  if (set == 0) return;
  if (sets_.size() <= set) sets_.resize(set + 1);
  sets_.at(set) = true;
}

void MessageTable::discount(const Entry& entry) {
  --counts_.messages;
  counts_.pending -= entry.pending;
  counts_.recent -= entry.old == 0 ? 1 : 0;
  counts_.unseen -= is_unseen(entry) ? 1 : 0;
  counts_.unmeasured -= entry.unmeasured;
  counts_.octets -= entry.size;
}

// Whoever asks for a message here may take it for gone: no such answer is given.
void MessageTable::require_whole() const {
  if (is_whole()) return;
  log::error("message table was asked before it was loaded");
  std::abort();
}

std::vector<Entry>::const_iterator MessageTable::at_or_after(Uid uid) const {
  if (entries_.empty() || entries_.back().uid < uid) return entries_.end();
  return std::lower_bound(entries_.begin(), entries_.end(), uid,
                          [](const Entry& entry, Uid wanted) { return entry.uid < wanted; });
}

const Entry* MessageTable::find(Uid uid) const {
  const auto at = at_or_after(uid);
  const bool is_known = at != entries_.end() && at->uid == uid;
  if (!is_known) require_whole();
  return is_known && at->removed == 0 ? &*at : nullptr;
}

std::size_t MessageTable::rank(Uid uid) const {
  require_whole();
  const auto at = at_or_after(uid);
  if (removed_ == 0) return static_cast<std::size_t>(at - entries_.begin());
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), at, [](const Entry& entry) { return entry.removed == 0; }));
}

MessageTable::Rest MessageTable::after(Uid uid) const {
  require_whole();
  const auto at = at_or_after({uid.value + 1});
  return {{entries_.data() + (at - entries_.begin()), past_end()}, end()};
}

void MessageTable::put(const Entry& entry) {
  count(entry);
  if (entries_.empty() || entries_.back().uid < entry.uid) {
    entries_.push_back(entry);
    return;
  }
  const auto at = at_or_after(entry.uid);
  if (at->uid != entry.uid) {
    entries_.insert(at, entry);
    return;
  }
  Entry& before = entries_.at(static_cast<std::size_t>(at - entries_.begin()));
  if (before.removed != 0) {
    --removed_;
  } else {
    discount(before);
  }
  before = entry;
}

std::optional<Entry> MessageTable::take(Uid uid) {
  const auto at = at_or_after(uid);
  if (at == entries_.end() || at->uid != uid || at->removed != 0) return std::nullopt;
  Entry& entry = entries_.at(static_cast<std::size_t>(at - entries_.begin()));
  const Entry taken = entry;
  discount(entry);
  entry.removed = 1;
  ++removed_;
  if (is_whole() && removed_ > entries_.size() / 8) sweep();
  return taken;
}

void MessageTable::sweep() {
  std::erase_if(entries_, [](const Entry& entry) { return entry.removed != 0; });
  removed_ = 0;
}

// False, and has added none, unless they come behind all others and ascend.
bool MessageTable::add(std::span<const Entry> entries) {
  Uid last = entries_.empty() ? Uid{} : entries_.back().uid;
  for (const Entry& entry : entries) {
    if (entry.uid <= last) return false;
    last = entry.uid;
  }
  entries_.insert(entries_.end(), entries.begin(), entries.end());
  for (const Entry& entry : entries) count(entry);
  return true;
}

}  // namespace mail::store
