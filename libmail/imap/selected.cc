#include "libmail/imap/selected.h"

#include <algorithm>

#include "libmail/base/log.h"
#include "libmail/imap/response.h"

namespace mail::imap {

Result<std::unique_ptr<Selected>> Selected::open(store::MailStore& store, std::string_view name,
                                                 bool read_only) {
  auto mailbox = TRY(store.open(name));
  std::unique_ptr<Selected> selected(
      new Selected(std::string(name), std::move(mailbox), read_only));
  const auto changes = TRY(selected->mailbox_->since(store::ModSeq{}));
  selected->merge(changes, false);
  selected->upto_ = changes.upto;
  TRY(selected->take_recent(0));
  return selected;
}

std::uint32_t Selected::count_recent() const {
  return static_cast<std::uint32_t>(
      std::count_if(messages_.begin(), messages_.end(), [](const auto& m) { return m.recent; }));
}

std::optional<std::size_t> Selected::find(store::Uid uid) const {
  const auto at = std::lower_bound(messages_.begin(), messages_.end(), uid,
                                   [](const auto& m, store::Uid u) { return m.info.uid < u; });
  if (at == messages_.end() || at->info.uid != uid) return std::nullopt;
  return static_cast<std::size_t>(at - messages_.begin());
}

Result<std::vector<std::size_t>> Selected::resolve(const SequenceSet& set, bool by_uid) const {
  std::vector<std::size_t> positions;
  if (!by_uid && set.exceeds(count())) {
    return fail(Errc::Syntax, "Invalid message sequence number");
  }
  if (messages_.empty()) return positions;
  if (!by_uid) {
    for (const auto& range : set.resolve(count())) {
      for (std::size_t number = range.first; number <= range.last; ++number) {
        positions.push_back(number - 1);
      }
    }
    return positions;
  }
  auto at = messages_.begin();
  for (const auto& range : set.resolve(messages_.back().info.uid.value)) {
    at = std::lower_bound(at, messages_.end(), range.first,
                          [](const auto& m, std::uint32_t u) { return m.info.uid.value < u; });
    for (; at != messages_.end() && at->info.uid.value <= range.last; ++at) {
      positions.push_back(static_cast<std::size_t>(at - messages_.begin()));
    }
  }
  return positions;
}

bool Selected::learn_keywords(const store::Flags& flags) {
  bool is_new = false;
  for (const auto& keyword : flags.keywords) {
    if (keywords_.has_keyword(keyword)) continue;
    keywords_.set_keyword(keyword);
    is_new = true;
  }
  return is_new;
}

void Selected::merge(const store::Changes& changes, bool tell) {
  if (changes.complete) {
    auto left = changes.messages.begin();
    for (auto& message : messages_) {
      while (left != changes.messages.end() && left->uid < message.info.uid) ++left;
      if (left == changes.messages.end() || left->uid != message.info.uid) message.gone = true;
    }
  }
  for (const auto& uid : changes.vanished) {
    if (const auto position = find(uid)) messages_[*position].gone = true;
  }
  if (messages_.empty()) messages_.reserve(changes.messages.size());
  for (const auto& info : changes.messages) {
    keywords_changed_ = learn_keywords(info.flags) || keywords_changed_;
    if (const auto position = find(info.uid)) {
      auto& message = messages_[*position];
      if (tell && message.info.flags != info.flags) message.changed = true;
      message.info = info;
    } else if (messages_.empty() || messages_.back().info.uid < info.uid) {
      messages_.push_back({info, false, false, false});
    }
  }
}

// \Recent goes to the first session that shows a message (RFC 3501 section 2.3.2).
Result<void> Selected::take_recent(std::size_t first_new) {
  const auto is_new = [](const ViewMessage& m) { return !m.info.old && !m.gone; };
  const auto begin = messages_.begin() + static_cast<std::ptrdiff_t>(first_new);
  if (std::none_of(begin, messages_.end(), is_new)) return {};
  if (read_only_) {  // EXAMINE shows \Recent and does not take it
    for (auto message = begin; message != messages_.end(); ++message) {
      message->recent = is_new(*message);
    }
    return {};
  }
  std::vector<store::Uid> taken;
  const auto changed = mailbox_->change([&](const store::Snapshot& snapshot) {
    std::vector<store::Change> wishes;
    taken.clear();
    for (auto message = begin; message != messages_.end(); ++message) {
      if (!is_new(*message)) continue;
      const auto info = snapshot.find(message->info.uid);
      if (!info || info->old) continue;
      store::Change wish;
      wish.uid = info->uid;
      wish.mark_old = true;
      wishes.push_back(wish);
      taken.push_back(info->uid);
    }
    return wishes;
  });
  if (!changed) {
    // A mailbox that cannot be written can be read still; \Recent stays where it is.
    log::warning(changed.error().log_text);
    return {};
  }
  for (const auto& uid : taken) {
    if (const auto position = find(uid)) messages_[*position].recent = true;
  }
  apply(*changed, true);
  return {};
}

Result<void> Selected::refresh() {
  auto changes = mailbox_->since(upto_);
  if (!changes) {
    if (changes.error().code != Errc::NotFound) {
      log::warning(changes.error().log_text);
      return {};
    }
    for (auto& message : messages_) message.gone = true;  // the mailbox was removed
    return {};
  }
  const std::size_t first_new = messages_.size();
  merge(*changes, true);
  upto_ = changes->upto;
  return take_recent(first_new);
}

// `upto` of a change is not taken: others may have changed things in between.
void Selected::apply(const store::Changes& changes, bool tell) {
  store::Changes difference = changes;
  difference.complete = false;
  std::erase_if(difference.messages, [&](const auto& info) { return !find(info.uid); });
  merge(difference, tell);
}

void Selected::put_flag_lists(std::string& out) {
  store::Flags all = keywords_;
  for (const auto flag : {store::Flag::Answered, store::Flag::Flagged, store::Flag::Deleted,
                          store::Flag::Seen, store::Flag::Draft}) {
    all.set(flag);
  }
  out += "* FLAGS ";
  put_flags(out, all, false);
  out += "\r\n* OK [PERMANENTFLAGS ";
  if (read_only_) {
    out += "()] No permanent flags permitted\r\n";
  } else {
    put_flags(out, all, false);
    out.insert(out.size() - 1, " \\*");  // RFC 3501 section 7.1: new keywords may be made
    out += "] Flags permitted\r\n";
  }
  keywords_changed_ = false;
}

Result<void> Selected::introduce(std::string& out) {
  const auto status = TRY(mailbox_->status());
  put_flag_lists(out);
  told_exists_ = count();
  told_recent_ = count_recent();
  out += "* " + std::to_string(told_exists_) + " EXISTS\r\n* " + std::to_string(told_recent_) +
         " RECENT\r\n";
  const auto unseen = std::find_if(messages_.begin(), messages_.end(), [](const auto& m) {
    return !m.info.flags.has(store::Flag::Seen);
  });
  if (unseen != messages_.end()) {
    out += "* OK [UNSEEN " + std::to_string(unseen - messages_.begin() + 1) + "] First unseen\r\n";
  }
  const std::uint32_t after_last = messages_.empty() ? 1 : messages_.back().info.uid.value + 1;
  out += "* OK [UIDVALIDITY " + std::to_string(status.uid_validity.value) + "] UIDs valid\r\n";
  out += "* OK [UIDNEXT " + std::to_string(std::max(status.uid_next.value, after_last)) +
         "] Predicted next UID\r\n";
  out += "* OK [HIGHESTMODSEQ " + std::to_string(std::max<std::uint64_t>(1, upto_.value)) +
         "] Highest\r\n";
  return {};
}

void Selected::tell(std::string& out, const Telling& telling) {
  if (keywords_changed_) put_flag_lists(out);
  if (telling.may_expunge) {
    // From the end, so that each number is right when it is read (RFC 3501 section 7.4.1).
    const bool any = std::any_of(messages_.begin(), messages_.end(),
                                 [](const auto& message) { return message.gone; });
    if (any) {
      const std::size_t first_untold = told_exists_;
      for (std::size_t i = messages_.size(); i-- > 0;) {
        if (!messages_[i].gone) continue;
        if (i >= first_untold) continue;  // came and went unseen
        out += "* " + std::to_string(i + 1) + " EXPUNGE\r\n";
        --told_exists_;
      }
      std::erase_if(messages_, [](const auto& message) { return message.gone; });
    }
  }
  const std::uint32_t recent = count_recent();
  if (told_exists_ != count()) {
    told_exists_ = count();
    out += "* " + std::to_string(told_exists_) + " EXISTS\r\n";
    told_recent_ = recent + 1;  // RFC 3501 section 7.3.2: tell both
  }
  if (told_recent_ != recent) {
    told_recent_ = recent;
    out += "* " + std::to_string(recent) + " RECENT\r\n";
  }
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    auto& message = messages_[i];
    if (!message.changed) continue;
    message.changed = false;
    if (message.gone) continue;
    out += "* " + std::to_string(i + 1) + " FETCH (";
    if (telling.with_uid) out += "UID " + std::to_string(message.info.uid.value) + ' ';
    if (telling.with_modseq) out += "MODSEQ (" + std::to_string(message.info.modseq.value) + ") ";
    out += "FLAGS ";
    put_flags(out, message.info.flags, message.recent);
    out += ")\r\n";
  }
}

}  // namespace mail::imap
