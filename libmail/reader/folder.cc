#include "libmail/reader/folder.h"

#include <algorithm>
#include <map>

namespace mail::reader {
namespace {

constexpr std::size_t kChunk = 64U << 10U;

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
  entry.flags = info.flags;
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
  std::map<store::Uid, store::Change> wishes;
  for (std::size_t number = 1; number <= entries_.size(); ++number) {
    const Entry& entry = at(number);
    store::Change change;
    change.uid = entry.uid;
    if (entry.deleted || std::find(drop.begin(), drop.end(), number) != drop.end()) {
      change.expunge = true;
    } else {
      change.mark_old = true;
      change.flags = entry.flags;
      change.flags->set(store::Flag::Seen, entry.is_read);
    }
    wishes.emplace(entry.uid, std::move(change));
  }
  // Only what differs from today's state is asked for: an unchanged mailbox is left untouched.
  TRY(mailbox_->change([&](store::Snapshot snapshot) {
    std::vector<store::Change> changes;
    for (const auto& info : snapshot) {
      const auto found = wishes.find(info.uid);
      if (found == wishes.end()) continue;
      const store::Change& wish = found->second;
      if (wish.expunge || (wish.mark_old && !info.old) ||
          (wish.flags && *wish.flags != info.flags)) {
        changes.push_back(wish);
      }
    }
    return changes;
  }));
  return mailbox_->fold();
}

}  // namespace mail::reader
