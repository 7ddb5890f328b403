// Session: the commands about messages of the selected mailbox (RFC 3501 section 6.4).
#include <algorithm>

#include "libmail/imap/response.h"
#include "libmail/imap/search.h"
#include "libmail/imap/session.h"
#include "libmail/store/message_source.h"

namespace mail::imap {

namespace {

Error read_only_error() { return make_error(Errc::Denied, "Mailbox is read-only"); }

std::string to_set(const std::vector<store::Uid>& uids) {
  SequenceSet set;
  for (const auto uid : uids) set.append(uid.value);
  return set.to_string();
}

void apply_mode(store::Flags& flags, const Store& command) {
  if (command.mode == Store::Mode::Replace) {
    flags = command.flags;
    return;
  }
  const bool on = command.mode == Store::Mode::Add;
  for (const auto flag : {store::Flag::Seen, store::Flag::Answered, store::Flag::Flagged,
                          store::Flag::Deleted, store::Flag::Draft}) {
    if (command.flags.has(flag)) flags.set(flag, on);
  }
  for (const auto& keyword : command.flags.keywords) flags.set_keyword(keyword, on);
}

}  // namespace

Session::Reply Session::on(const Check&) {
  TRY(selected_->mailbox().fold());
  return std::string("OK Check completed");
}

Result<void> Session::expunge(const std::optional<SequenceSet>& uids) {
  std::vector<SequenceSet::Range> wanted;
  TRY(selected_->load());
  if (uids && selected_->count() > 0) {
    wanted = uids->resolve(selected_->messages().back().uid.value);
  }
  const auto changes = TRY(selected_->mailbox().change([&](const store::Snapshot& snapshot) {
    std::vector<store::Change> wishes;
    snapshot.for_each([&](const store::MessageInfo& info) {
      if (!info.flags.has(store::Flag::Deleted)) return;
      if (uids && !contains(wanted, info.uid.value)) return;
      store::Change wish;
      wish.uid = info.uid;
      wish.expunge = true;
      wishes.push_back(wish);
    });
    return wishes;
  }));
  selected_->apply(changes, true);
  return {};
}

Session::Reply Session::on(const Expunge& command) {
  if (selected_->is_read_only()) return fail(read_only_error());
  TRY(expunge(command.uids));
  return std::string("OK Expunge completed");
}

Session::Reply Session::on(const Close&) {
  if (!selected_->is_read_only()) {  // RFC 3501 section 6.4.2
    const auto expunged = expunge(std::nullopt);
    leave_mailbox();
    TRY(expunged);
    return std::string("OK Close completed");
  }
  leave_mailbox();
  return std::string("OK Close completed");
}

Session::Reply Session::on(const Unselect&) {
  leave_mailbox();
  return std::string("OK Unselect completed");
}

Session::Reply Session::on(const Fetch& fetch) {
  auto positions = TRY(selected_->resolve(fetch.set, fetch.by_uid));
  const bool asks_modseq = std::any_of(fetch.items.begin(), fetch.items.end(), [](const auto& i) {
    return i.kind == FetchItem::Kind::ModSeq;
  });
  if (asks_modseq || fetch.changed_since) enable_condstore();
  job_by_uid_ = fetch.by_uid;
  job_ = std::make_unique<FetchJob>(*selected_, fetch, std::move(positions), condstore_);
  return std::string();
}

Session::Reply Session::on(const Store& command) {
  if (selected_->is_read_only()) return fail(read_only_error());
  if (command.unchanged_since) enable_condstore();
  const auto positions = TRY(selected_->resolve(command.set, command.by_uid));
  std::vector<store::Uid> uids;
  for (const auto position : positions) {
    if (!selected_->marks(position).gone) uids.push_back(selected_->message(position).uid);
  }
  std::vector<store::Uid> modified;
  const auto changes = TRY(selected_->mailbox().change([&](const store::Snapshot& snapshot) {
    std::vector<store::Change> wishes;
    modified.clear();
    for (const store::Uid uid : uids) {
      const auto info = snapshot.find(uid);
      if (!info) continue;
      if (command.unchanged_since && info->modseq.value > *command.unchanged_since) {
        modified.push_back(uid);
        continue;
      }
      store::Change wish;
      wish.uid = uid;
      wish.flags = info->flags;
      apply_mode(*wish.flags, command);
      if (*wish.flags != info->flags) wishes.push_back(wish);
    }
    return wishes;
  }));
  // With CONDSTORE the new MODSEQ is told even under .SILENT (RFC 7162 section 3.1.3).
  selected_->apply(changes, !command.silent || condstore_);
  if (!command.silent) {  // RFC 3501 section 6.4.6: the new value, changed or not
    for (const auto uid : uids) {
      if (const auto position = selected_->find(uid)) selected_->mark_changed(*position);
    }
  }
  if (modified.empty()) return std::string("OK Store completed");
  SequenceSet set;  // RFC 7162 section 3.1.3
  for (const auto uid : modified) {
    const auto position = selected_->find(uid);
    if (!position) continue;
    set.append(command.by_uid ? uid.value : static_cast<std::uint32_t>(*position + 1));
  }
  return "OK [MODIFIED " + set.to_string() + "] Conditional store failed for some";
}

// All or nothing (RFC 3501 section 6.4.7): one change of the target.
Result<std::string> Session::copy_messages(const std::vector<std::size_t>& positions,
                                           const std::string& target,
                                           std::vector<store::Uid>* copied) {
  std::unique_ptr<store::Mailbox> opened;
  if (target != selected_->name()) {
    auto mailbox_or = store_.open(target);
    if (!mailbox_or) return fail(try_create(std::move(mailbox_or).error()));
    opened = std::move(*mailbox_or);
  }
  store::Mailbox& mailbox = opened ? *opened : selected_->mailbox();
  std::vector<store::MessageInfo> infos;
  for (const auto position : positions) {
    infos.push_back(selected_->message(position));
    copied->push_back(infos.back().uid);
  }
  auto stored = store::append_copies(selected_->mailbox(), infos, mailbox);
  if (!stored) {
    auto error = std::move(stored).error();
    if (error.code == Errc::NotFound) error.public_text = "Some of the messages are gone";
    return fail(std::move(error));
  }
  const auto status = mailbox.status();  // stored is stored, whether it can be told where or not
  if (!status || stored->empty()) return std::string();
  return "[COPYUID " + std::to_string(status->uid_validity.value) + ' ' + to_set(*copied) + ' ' +
         to_set(*stored) + "] ";
}

Session::Reply Session::on(const Copy& command) {
  const auto positions = TRY(selected_->resolve(command.set, command.by_uid));
  if (command.move && selected_->is_read_only()) return fail(read_only_error());
  std::vector<store::Uid> copied;
  auto copyuid = copy_messages(positions, command.mailbox, &copied);
  if (!copyuid) return fail(std::move(copyuid).error());
  if (!command.move) return "OK " + *copyuid + "Copy completed";
  // RFC 6851 section 4.3: COPYUID in an untagged OK, before the EXPUNGEs.
  if (!copyuid->empty()) out_ += "* OK " + *copyuid + "Moved\r\n";
  const auto changes = TRY(selected_->mailbox().change([&](const store::Snapshot& /*snapshot*/) {
    std::vector<store::Change> wishes;
    for (const store::Uid uid : copied) {
      store::Change wish;
      wish.uid = uid;
      wish.expunge = true;
      wishes.push_back(wish);
    }
    return wishes;
  }));
  selected_->apply(changes, true);
  return std::string("OK Move completed");
}

Session::Reply Session::on(const Search& search) {
  Searcher searcher{*selected_, clock_.now()};
  const auto found = TRY(searcher.run(search));
  if (searcher.used_modseq()) enable_condstore();
  std::vector<std::uint32_t> numbers;
  std::uint64_t highest = 0;
  numbers.reserve(found.size());
  for (const auto position : found) {
    const auto& info = selected_->message(position);
    numbers.push_back(search.by_uid ? info.uid.value : static_cast<std::uint32_t>(position + 1));
    highest = std::max(highest, info.modseq.value);
  }
  if (!search.extended) {
    out_ += "* SEARCH";
    for (const auto number : numbers) {
      out_ += ' ';
      put_number(out_, number);
    }
    if (searcher.used_modseq() && !numbers.empty()) {
      out_ += " (MODSEQ " + std::to_string(highest) + ")";
    }
    out_ += "\r\n";
    return std::string("OK Search completed");
  }
  out_ += "* ESEARCH (TAG ";  // RFC 4731 section 3.1
  put_string(out_, tag_);
  out_ += search.by_uid ? ") UID" : ")";
  if (!numbers.empty()) {
    if (search.return_min) out_ += " MIN " + std::to_string(numbers.front());
    if (search.return_max) out_ += " MAX " + std::to_string(numbers.back());
    if (search.return_all) {
      SequenceSet set;
      for (const auto number : numbers) set.append(number);
      out_ += " ALL " + set.to_string();
    }
  }
  if (search.return_count) out_ += " COUNT " + std::to_string(numbers.size());
  if (searcher.used_modseq() && !numbers.empty()) out_ += " MODSEQ " + std::to_string(highest);
  out_ += "\r\n";
  return std::string("OK Search completed");
}

}  // namespace mail::imap
