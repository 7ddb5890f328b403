#include "libmail/reader/folder.h"

#include <algorithm>
#include <map>
#include <set>

namespace mail::reader {
namespace {

constexpr std::size_t kChunk = 64U << 10U;

// `today` with the flags that this session has set or taken away.
store::Flags with_changes_of(const Entry& entry, store::Flags today) {
  store::Flags wanted = entry.flags;
  wanted.set(store::Flag::Seen, entry.is_read);
  for (const auto flag : {store::Flag::Seen, store::Flag::Answered, store::Flag::Flagged,
                          store::Flag::Deleted, store::Flag::Draft}) {
    if (wanted.has(flag) != entry.stored.has(flag)) today.set(flag, wanted.has(flag));
  }
  return today;
}

}  // namespace

Result<Folder> Folder::load(std::shared_ptr<store::Mailbox> mailbox, std::string name) {
  Folder folder;
  folder.mailbox_ = std::move(mailbox);
  folder.name_ = std::move(name);
  const auto changes = TRY(folder.mailbox_->since(store::ModSeq{}));
  for (const auto& info : changes.messages) TRY(folder.add(info));
  folder.seen_ = changes.upto;
  return folder;
}

Result<void> Folder::add(const store::MessageInfo& info) {
  Entry entry;
  entry.uid = info.uid;
  entry.flags = entry.stored = info.flags;
  entry.is_read = info.flags.has(store::Flag::Seen);
  entry.is_new = !info.old && !entry.is_read;
  entry.from_line = TRY(mailbox_->from_line(info.uid));
  const auto reader = TRY(mailbox_->open(info.uid, store::View::Stored));
  // Sizes are the mbox's: the From_ line and the empty line behind the message count (S68, S76).
  entry.octets = reader->size() + entry.from_line.size() + 2;
  entry.lines = 2;
  std::string head;
  bool head_complete = false;
  std::string chunk(kChunk, '\0');
  for (std::uint64_t at = 0;;) {
    const std::size_t got = TRY(reader->read(at, chunk));
    if (got == 0) break;
    const std::string_view octets(chunk.data(), got);
    entry.lines += static_cast<std::uint64_t>(std::count(octets.begin(), octets.end(), '\n'));
    if (!head_complete) {
      head += octets;
      head_complete = head.size() > message::kMaxHeaderSection ||
                      head.find("\n\n") != std::string::npos ||
                      head.find("\n\r\n") != std::string::npos;
    }
    at += got;
  }
  entry.header = message::HeaderSection::parse(head);
  entries_.push_back(std::move(entry));
  return {};
}

Counts Folder::count() const {
  Counts counts;
  counts.messages = entries_.size();
  for (const auto& entry : entries_) {
    if (entry.is_new && !entry.is_read) ++counts.new_ones;
    if (!entry.is_read) ++counts.unread;
    if (entry.deleted) ++counts.deleted;
  }
  return counts;
}

std::size_t Folder::first_current() const {
  const auto number_where = [this](auto&& wanted) -> std::size_t {
    const auto found = std::find_if(entries_.begin(), entries_.end(), wanted);
    return found == entries_.end() ? 0 : static_cast<std::size_t>(found - entries_.begin()) + 1;
  };
  if (const auto fresh = number_where([](const Entry& e) { return e.is_new && !e.is_read; }))
    return fresh;
  if (const auto unread = number_where([](const Entry& e) { return !e.is_read; })) return unread;
  return entries_.empty() ? 0 : 1;
}

Result<std::unique_ptr<store::MessageReader>> Folder::open(std::size_t number) {
  return mailbox_->open(at(number).uid, store::View::Stored);
}

Result<std::string> Folder::read_all(std::size_t number) {
  const auto reader = TRY(open(number));
  std::string octets(reader->size(), '\0');
  std::size_t have = 0;
  while (have < octets.size()) {
    const std::size_t got = TRY(reader->read(have, std::span(octets).subspan(have)));
    if (got == 0) break;
    have += got;
  }
  octets.resize(have);
  return octets;
}

Result<std::size_t> Folder::load_new() {
  const auto changes = TRY(mailbox_->since(seen_));
  seen_ = changes.upto;
  const store::Uid last = entries_.empty() ? store::Uid{} : entries_.back().uid;
  std::size_t arrived = 0;
  for (const auto& info : changes.messages) {
    if (info.uid <= last) continue;
    TRY(add(info));
    ++arrived;
  }
  return arrived;
}

bool Folder::is_changed() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
    return entry.is_new || entry.read_now || entry.deleted || entry.saved || entry.flags_changed;
  });
}

Result<void> Folder::finish(const std::vector<std::size_t>& drop) {
  std::map<store::Uid, const Entry*> entries;
  std::set<store::Uid> expunged;
  for (std::size_t number = 1; number <= entries_.size(); ++number) {
    const Entry& entry = at(number);
    entries.emplace(entry.uid, &entry);
    if (entry.deleted || std::find(drop.begin(), drop.end(), number) != drop.end()) {
      expunged.insert(entry.uid);
    }
  }
  // Only what differs from today's state is asked for, so that an unchanged mailbox is left
  // untouched; and only what was done here, so that other sessions' flags stay.
  TRY(mailbox_->change([&](const store::Snapshot& snapshot) {
    std::vector<store::Change> changes;
    for (const auto& [uid, entry] : entries) {
      const auto info = snapshot.find(uid);
      if (!info) continue;
      store::Change change;
      change.uid = uid;
      change.expunge = expunged.contains(uid);
      if (!change.expunge) {
        change.mark_old = true;
        change.flags = with_changes_of(*entry, info->flags);
      }
      if (change.expunge || !info->old || *change.flags != info->flags) {
        changes.push_back(change);
      }
    }
    return changes;
  }));
  return mailbox_->fold();
}

}  // namespace mail::reader
