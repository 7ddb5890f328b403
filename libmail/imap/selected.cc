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
  selected->opened_ = TRY(selected->mailbox_->status());
  selected->upto_ = selected->opened_.highest_modseq;
  selected->keywords_.keywords = selected->opened_.keywords;
  selected->is_loaded_ = selected->opened_.messages == 0;
  if (selected->opened_.recent > 0) {
    TRY(selected->load());
    TRY(selected->take_recent(0));
  }
  return selected;
}

// What has come since the client was told of how many there are is left to refresh().
Result<void> Selected::load() {
  if (is_loaded_) return {};
  auto all = TRY(mailbox_->since(store::ModSeq{}));
  const auto changes = TRY(mailbox_->since(upto_));
  const auto is_known = [this](store::Uid uid) { return uid < opened_.uid_next; };
  std::vector<store::MessageInfo> known = std::move(all.messages);
  std::erase_if(known, [&](const auto& info) { return !is_known(info.uid); });
  if (known.size() != opened_.messages) {
    for (const store::Uid uid : changes.vanished) {
      if (is_known(uid)) known.emplace_back().uid = uid;
    }
    const auto by_uid = [](const auto& a, const auto& b) { return a.uid < b.uid; };
    std::stable_sort(known.begin(), known.end(), by_uid);
    const auto is_same = [](const auto& a, const auto& b) { return a.uid == b.uid; };
    known.erase(std::unique(known.begin(), known.end(), is_same), known.end());
  }
  if (known.size() != opened_.messages || (changes.complete && upto_.value != 0)) {
    return fail(Errc::Corrupt, "Mailbox has changed too much; select it again");
  }
  messages_ = std::move(known);
  marks_.resize(messages_.size());
  is_loaded_ = true;
  for (const auto& info : messages_) {
    keywords_changed_ = learn_keywords(info.flags) || keywords_changed_;
  }
  for (const auto& info : changes.messages) {
    if (const auto position = find(info.uid)) mark_changed(*position);
  }
  for (const store::Uid uid : changes.vanished) {
    if (const auto position = find(uid)) set(*position, &Marks::gone, true);
  }
  return {};
}

void Selected::set(std::size_t position, bool Marks::*mark, bool value) {
  bool& now = marks_.at(position).*mark;
  if (now == value) return;
  now = value;
  std::uint32_t& count = mark == &Marks::recent ? marked_.recent
                         : mark == &Marks::gone ? marked_.gone
                                                : marked_.changed;
  if (value) ++count;
  if (!value) --count;
}

std::optional<std::size_t> Selected::find(store::Uid uid) const {
  const auto at = std::lower_bound(messages_.begin(), messages_.end(), uid,
                                   [](const auto& m, store::Uid u) { return m.uid < u; });
  if (at == messages_.end() || at->uid != uid) return std::nullopt;
  return static_cast<std::size_t>(at - messages_.begin());
}

Result<std::vector<std::size_t>> Selected::resolve(const SequenceSet& set, bool by_uid) {
  std::vector<std::size_t> positions;
  TRY(load());
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
  for (const auto& range : set.resolve(messages_.back().uid.value)) {
    at = std::lower_bound(at, messages_.end(), range.first,
                          [](const auto& m, std::uint32_t u) { return m.uid.value < u; });
    for (; at != messages_.end() && at->uid.value <= range.last; ++at) {
      positions.push_back(static_cast<std::size_t>(at - messages_.begin()));
    }
  }
  return positions;
}

bool Selected::learn_keywords(const store::Flags& flags) {
  if (flags.keywords.empty()) return false;
  bool is_new = false;
  for (const auto& keyword : flags.keywords) {
    if (keywords_.has_keyword(keyword)) continue;
    keywords_.set_keyword(keyword);
    is_new = true;
  }
  return is_new;
}

void Selected::merge(store::Changes changes, bool tell) {
  for (const auto& info : changes.messages) {
    keywords_changed_ = learn_keywords(info.flags) || keywords_changed_;
  }
  if (messages_.empty()) {  // nothing to compare with
    messages_ = std::move(changes.messages);
    marks_.resize(messages_.size());
    return;
  }
  if (changes.complete) {
    auto left = changes.messages.begin();
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      while (left != changes.messages.end() && left->uid < messages_[i].uid) ++left;
      if (left == changes.messages.end() || left->uid != messages_[i].uid)
        set(i, &Marks::gone, true);
    }
  }
  for (const auto& uid : changes.vanished) {
    if (const auto position = find(uid)) set(*position, &Marks::gone, true);
  }
  for (const auto& info : changes.messages) {
    if (messages_.back().uid < info.uid) {
      messages_.push_back(info);
      marks_.emplace_back();
    } else if (const auto position = find(info.uid)) {
      if (tell && messages_[*position].flags != info.flags) mark_changed(*position);
      messages_[*position] = info;
    }
  }
}

// \Recent goes to the first session that shows a message (RFC 3501 section 2.3.2).
Result<void> Selected::take_recent(std::size_t first_new) {
  std::vector<std::size_t> fresh;
  for (std::size_t i = first_new; i < messages_.size(); ++i) {
    if (!messages_[i].old && !marks_[i].gone) fresh.push_back(i);
  }
  if (fresh.empty()) return {};
  if (read_only_) {  // EXAMINE shows \Recent and does not take it
    for (const std::size_t position : fresh) set(position, &Marks::recent, true);
    return {};
  }
  std::vector<std::size_t> taken;
  const auto changed = mailbox_->change([&](const store::Snapshot& snapshot) {
    std::vector<store::Change> wishes;
    taken.clear();
    for (const std::size_t position : fresh) {
      const auto info = snapshot.find(messages_[position].uid);
      if (!info || info->old) continue;
      store::Change wish;
      wish.uid = info->uid;
      wish.mark_old = true;
      wishes.push_back(wish);
      taken.push_back(position);
    }
    return wishes;
  });
  if (!changed) {
    // A mailbox that cannot be written can be read still; \Recent stays where it is.
    log::warning(changed.error().log_text);
    return {};
  }
  for (const std::size_t position : taken) set(position, &Marks::recent, true);
  apply(*changed, true);
  return {};
}

Result<void> Selected::refresh() {
  auto changes = mailbox_->since(upto_);
  if (!changes) {
    if (changes.error().code == Errc::Corrupt) return fail(std::move(changes).error());
    if (changes.error().code != Errc::NotFound) {
      log::warning(changes.error().log_text);
      return {};
    }
    if (!is_loaded_) messages_.resize(opened_.messages);
    is_loaded_ = true;
    marks_.resize(messages_.size());
    for (std::size_t i = 0; i < marks_.size(); ++i) set(i, &Marks::gone, true);  // it was removed
    return {};
  }
  if (!is_loaded_) {
    if (!changes->complete && changes->upto == upto_) return {};
    if (auto loaded = load(); !loaded) {
      if (loaded.error().code == Errc::Corrupt) return loaded;
      log::warning(loaded.error().log_text);
      return {};
    }
  }
  const std::size_t first_new = messages_.size();
  upto_ = changes->upto;
  merge(*std::move(changes), true);
  return take_recent(first_new);
}

// `upto` of a change is not taken: others may have changed things in between.
void Selected::apply(store::Changes changes, bool tell) {
  changes.complete = false;
  std::erase_if(changes.messages, [&](const auto& info) { return !find(info.uid); });
  merge(std::move(changes), tell);
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

void Selected::introduce(std::string& out) {
  put_flag_lists(out);
  told_exists_ = count();
  told_recent_ = count_recent();
  out += "* " + std::to_string(told_exists_) + " EXISTS\r\n* " + std::to_string(told_recent_) +
         " RECENT\r\n";
  if (opened_.first_unseen) {
    out += "* OK [UNSEEN " + std::to_string(*opened_.first_unseen + 1) + "] First unseen\r\n";
  }
  out += "* OK [UIDVALIDITY " + std::to_string(opened_.uid_validity.value) + "] UIDs valid\r\n";
  out += "* OK [UIDNEXT " + std::to_string(std::max(opened_.uid_next.value, 1U)) +
         "] Predicted next UID\r\n";
  out += "* OK [HIGHESTMODSEQ " + std::to_string(std::max<std::uint64_t>(1, upto_.value)) +
         "] Highest\r\n";
}

void Selected::tell(std::string& out, const Telling& telling) {
  if (keywords_changed_) put_flag_lists(out);
  if (telling.may_expunge && marked_.gone > 0) {
    // From the end, so that each number is right when it is read (RFC 3501 section 7.4.1).
    const std::size_t first_untold = told_exists_;
    for (std::size_t i = messages_.size(); i-- > 0;) {
      if (!marks_[i].gone) continue;
      if (i >= first_untold) continue;  // came and went unseen
      out += "* " + std::to_string(i + 1) + " EXPUNGE\r\n";
      --told_exists_;
    }
    forget_gone();
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
  for (std::size_t i = 0; marked_.changed > 0 && i < messages_.size(); ++i) {
    if (!marks_[i].changed) continue;
    mark_changed(i, false);
    if (marks_[i].gone) continue;
    const auto& message = messages_[i];
    out += "* " + std::to_string(i + 1) + " FETCH (";
    if (telling.with_uid) out += "UID " + std::to_string(message.uid.value) + ' ';
    if (telling.with_modseq) out += "MODSEQ (" + std::to_string(message.modseq.value) + ") ";
    out += "FLAGS ";
    put_flags(out, message.flags, marks_[i].recent);
    out += ")\r\n";
  }
}

void Selected::forget_gone() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    if (marks_[i].gone) {
      for (const auto mark : {&Marks::recent, &Marks::gone, &Marks::changed}) set(i, mark, false);
    } else {
      messages_[kept] = messages_[i];
      marks_[kept++] = marks_[i];
    }
  }
  messages_.resize(kept);
  marks_.resize(kept);
}

}  // namespace mail::imap
