// Appending to an mbox, and mending what an interrupted append has left. The order of the writes
// and the names in brackets are those of docs/mbox.md ("Append").
#include <fcntl.h>

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/message/from_line.h"
#include "libmail/store/mbox/mailbox.h"

namespace mail::store::mbox {
namespace {

// What of a delivery id stands in our Received field: the queue id before its recipient's number.
std::string queue_id_of(const std::string& delivery_id) {
  return delivery_id.substr(0, delivery_id.find_first_of("/:.#"));
}

std::string own_id(std::uint64_t hash, WallTime now) {
  return std::string(kOwnId) + std::to_string(hash) + "-" +
         std::to_string(now.time_since_epoch().count());
}

Result<std::uint64_t> hash_of_range(const FileDescriptor& fd, std::uint64_t at,
                                    std::uint64_t length) {
  constexpr std::uint64_t kChunk = 256UL * 1024;
  Hasher hasher;
  while (length > 0) {
    const auto want = static_cast<std::size_t>(std::min(length, kChunk));
    const std::string octets = TRY(sys::pread_all(fd, at, want));
    if (octets.empty()) break;
    hasher.update(octets);
    at += octets.size();
    length -= octets.size();
  }
  return hasher.digest();
}

}  // namespace

Result<std::uint64_t> MboxMailbox::size_now() {
  const auto status = TRY(sys::fstat(fd_));
  return static_cast<std::uint64_t>(status.st_size);
}

// Octets that make a file of `size` octets end in an empty line, or be empty.
Result<std::string> MboxMailbox::healing(std::uint64_t size) {
  if (size == 0) return std::string{};
  const std::string end = TRY(sys::pread_all(fd_, size < 4 ? 0 : size - 4, 4));
  if (end == "\n" || end == "\r\n") return std::string{};
  if (end.ends_with("\n\n") || end.ends_with("\n\r\n")) return std::string{};
  return std::string(end.ends_with('\n') ? "\n" : "\n\n");
}

bool MboxMailbox::has_work_left() const {
  if (state().rewrite) return true;
  return std::any_of(state().intents.begin(), state().intents.end(), [&](const auto& entry) {
    return entry.second.file.empty() && !left_.contains(entry.first);
  });
}

Result<bool> MboxMailbox::is_whole(const Intent& intent, std::uint64_t size) {
  const auto status = TRY(sys::fstat(fd_));
  if (status.st_ino != intent.inode || size < intent.at + intent.length) return false;
  return TRY(hash_of_range(fd_, intent.at + intent.heal, intent.length - intent.heal))
  == intent.hash;
}

// Whether the power took its first octets, whatever it left of the others: NUL at the old length,
// or behind the healing line end. Nobody's message begins so, and the one before would seem to go
// on in it. Only up to the length that we gave the file; in a shorter one a From_ line may be
// another program's, which came to this place when we had not written anything.
Result<bool> MboxMailbox::has_lost_its_begin(const Intent& intent, std::uint64_t size) {
  const std::uint64_t end = intent.at + intent.length;
  if (size <= intent.at || size > end) return false;
  const auto wanted = std::min(intent.heal + 1, size - intent.at);
  const std::string first = TRY(sys::pread_all(fd_, intent.at, static_cast<std::size_t>(wanted)));
  if (!first.ends_with('\0') || first.find_first_not_of(std::string("\0\n", 2)) != first.npos) {
    return false;
  }
  return size == end || TRY(scan(fd_, intent.at, size, {}))
  .messages.empty();
}

// [whole-copy] Another program has rewritten the mbox since: the id and the whole body somewhere.
Result<bool> MboxMailbox::find_elsewhere(const Intent& intent, std::uint64_t size) {
  if (intent.id.starts_with(kOwnId)) return false;
  ScanOptions options;
  options.want_body_hash = true;
  options.id = queue_id_of(intent.id);
  options.holes = TRY(find_holes(size));
  const Scan all = TRY(scan(fd_, 0, size, options));
  return std::any_of(all.messages.begin(), all.messages.end(), [&](const Found& found) {
    return found.has_id && found.body_hash == intent.body_hash;
  });
}

void MboxMailbox::close_intent(Ops& ops, const Intent& intent) const {
  if (intent.id.starts_with(kOwnId)) {
    ops.abandon(intent.id);
    return;
  }
  const auto seconds = now().time_since_epoch() / std::chrono::seconds(1);
  ops.done(intent.id, {static_cast<std::uint64_t>(seconds), intent.may_be_retried});
}

// The log has the intent for as long as the cut may be undone: power lost meanwhile would leave
// what nothing tells of, or NUL in its place.
Result<void> MboxMailbox::cut_back(const Intent& intent) {
  TRY(log_.sync());
  TRY(sys::truncate(fd_, intent.at));
  TRY(sys::fdatasync(fd_, path_));
  Ops ops;
  ops.abandon(intent.id);
  return log_.write(ops, false);
}

// `mine`: the record of the same id, if this is its retry.
Result<MboxMailbox::Outcome> MboxMailbox::resolve(const Intent& intent, Record* mine) {
  const std::uint64_t size = TRY(size_now());
  Ops ops;
  if (TRY(is_whole(intent, size))) {  // visible is not durable
    TRY(sys::fdatasync(fd_, path_));
    close_intent(ops, intent);
    TRY(log_.write(ops, false));
    return Outcome::Stored;
  }
  const auto status = TRY(sys::fstat(fd_));
  const bool same_file = status.st_ino == intent.inode;
  const std::uint64_t end = intent.at + intent.length;
  // [prove] Only its own octets or NUL from the old length on, behind an empty line.
  if (mine != nullptr && same_file && mine->hash() == intent.hash &&
      mine->size() == intent.length - intent.heal && size > intent.at + intent.heal) {
    const std::string heal = TRY(sys::pread_all(fd_, intent.at, intent.heal));
    const bool healed =
        std::all_of(heal.begin(), heal.end(), [](char c) { return c == '\n' || c == '\0'; });
    const std::string before = TRY(healing(intent.at));
    if (healed && before.size() == intent.heal &&
        TRY(mine->is_prefix_or_nul(fd_, intent.at + intent.heal, std::min(size, end)))) {
      return Outcome::Again;
    }
  }
  if (same_file && size >= end && intent.length >= 3) {
    const std::string last = TRY(sys::pread_all(fd_, end - 3, 3));
    if (last == std::string("\0\n\n", 3)) {  // our unfinished append; never cut anything else
      if (size == end) {
        TRY(cut_back(intent));
        return Outcome::Fresh;
      }
      if (intent.may_be_retried && mine == nullptr) return Outcome::Left;
      Rewriter rewriter{fd_, path_, log_, settings_.rewrite_window};
      TRY(rewriter.apply({{intent.at, end, {}}}, {}));
      ops.abandon(intent.id);
      TRY(log_.write(ops, false));
      return Outcome::Fresh;
    }
  }
  if (same_file && TRY(has_lost_its_begin(intent, size))) {
    TRY(cut_back(intent));
    return Outcome::Fresh;
  }
  // Nothing was written, or the file is another one by now.
  if (TRY(find_elsewhere(intent, size))) {
    TRY(sys::fdatasync(fd_, path_));
    close_intent(ops, intent);
    TRY(log_.write(ops, false));
    return Outcome::Stored;
  }
  if (intent.may_be_retried && mine == nullptr) return Outcome::Left;
  // Or cut back just now by one that was killed.
  if (same_file && size <= intent.at) TRY(sys::fdatasync(fd_, path_));
  ops.abandon(intent.id);
  TRY(log_.write(ops, false));
  return Outcome::Fresh;
}

Result<void> MboxMailbox::resolve_all() {
  if (state().rewrite) {
    Rewriter rewriter{fd_, path_, log_, settings_.rewrite_window};
    TRY(rewriter.recover());
  }
  const auto intents = state().intents;
  for (const auto& [id, intent] : intents) {
    if (!intent.file.empty() || left_.contains(id)) continue;
    const Outcome outcome = TRY(resolve(intent, nullptr));
    if (outcome == Outcome::Left) left_.insert(id);
  }
  return {};
}

Result<void> MboxMailbox::put(Record& record, const Intent& intent, bool is_fresh) {
  const std::uint64_t size_before = TRY(size_now());
  auto written = [&]() -> Result<void> {
    // [end-first] From here on another program's append begins on a clean line, whatever kills us.
    TRY(sys::pwrite_all(fd_, "\n\n", intent.at + intent.length - 2));
    if (intent.heal > 0) TRY(sys::pwrite_all(fd_, std::string(intent.heal, '\n'), intent.at));
    TRY(record.write(fd_, intent.at + intent.heal));
    return sys::fdatasync(fd_, path_);
  }();
  if (written && intent.at == 0) {
    // A mailbox that may be new: its name too has to be durable before anybody is told.
    written = sys::fsync_directory(parent_directory(path_));
    if (!written && written.error().code == Errc::Denied) written = {};
  }
  if (written) return {};
  // Back to the old length; never sync again and believe it. What cannot be undone stays an open
  // intent, for the next opener.
  if (!is_fresh && size_before > intent.at + intent.length) return written;
  if (auto cut = cut_back(intent); !cut) {
    log::warning("mailbox " + log::escape(path_) + ": " + cut.error().log_text);
  }
  return written;
}

// Since the look before it nothing has changed but by our own append: only that is read. False:
// all has to be looked at.
Result<bool> MboxMailbox::look_at_own(const Record& record, const Intent& intent,
                                      std::span<const Flags> flags) {
  if (!has_looked_ || intent.heal > 0 || state().uid_validity.value == 0) return false;
  const auto status = TRY(sys::fstat(fd_));
  const std::uint64_t end = intent.at + intent.length;
  if (look_.octets != intent.at || look_.inode != status.st_ino ||
      look_.uid_validity != state().uid_validity.value ||
      static_cast<std::uint64_t>(status.st_size) != end) {
    return false;
  }
  Scan own = TRY(scan(fd_, intent.at, end, {}));
  if (own.messages.size() != record.starts().size()) return false;
  std::vector<Item*> items;
  std::uint64_t untold = 0;
  for (std::size_t i = 0; i < own.messages.size(); ++i) {
    Found& found = own.messages.at(i);
    if (found.from != intent.at + record.starts().at(i)) return false;
    if (found.file_uid != state().uid_next.value + i) ++untold;
    found.wished = &flags[i];
    items.push_back(&found);
  }
  has_looked_ = false;
  TRY(add_new(items));
  look_.untold += untold;
  if (places_.size() == 0 && look_.base_validity == 0) {
    note_base(own.base);
    look_.first_header_end = own.messages.front().header_end;
  }
  for (const Found& found : own.messages) places_.append(place_of(found));
  const Found& last = own.messages.back();
  look_.last_from = last.from;
  look_.last_fingerprint = last.fingerprint;
  look_.last_uid = last.uid.value;
  remember(status, {});
  return true;
}

// The UIDs are durable, and the flags with them, in one line of the log.
Result<std::vector<Uid>> MboxMailbox::uids_of(const Record& record, const Intent& intent,
                                              std::span<const Flags> flags) {
  look_.is_settled = 0;
  const std::uint64_t begin = intent.at + intent.heal;
  if (!TRY(look_at_own(record, intent, flags))) {
    for (std::size_t i = 0; i < flags.size(); ++i) {
      wished_[begin + record.starts().at(i)] = flags[i];
    }
    auto looked = look();
    wished_.clear();
    if (!looked) return fail(std::move(looked).error());
  }
  std::vector<std::uint64_t> from;
  for (const std::uint64_t start : record.starts()) from.push_back(begin + start);
  return places_.uids_at(from);
}

Result<Intent> MboxMailbox::begin(const Record& record, std::string id, bool may_be_retried) {
  const auto status = TRY(sys::fstat(fd_));
  Intent intent;
  intent.id = std::move(id);
  intent.may_be_retried = may_be_retried;
  intent.inode = status.st_ino;
  intent.at = static_cast<std::uint64_t>(status.st_size);
  const std::string heal = TRY(healing(intent.at));
  intent.heal = heal.size();
  intent.length = intent.heal + record.size();
  intent.hash = record.hash();
  intent.body_hash = record.body_hash();
  Ops ops;
  ops.intent(intent);
  TRY(log_.write(ops, may_be_retried));
  return intent;
}

// Stored is stored: an error here leaves an intent that the next opener finds whole.
void MboxMailbox::close_stored(const Intent& intent) {
  Ops ops;
  close_intent(ops, intent);
  if (auto closed = log_.write(ops, false); !closed) {
    log::warning("mailbox " + log::escape(path_) + ": " + closed.error().log_text);
  }
}

Result<Appended> MboxMailbox::append(MessageSource& message, const AppendOptions& options) {
  const WallTime date = options.internal_date.value_or(now());
  std::vector<Record::Part> parts{
      {message::format_from_line(options.envelope_sender, message::to_local(date)), &message}};
  if (options.delivery_id.empty()) {
    const std::array flags{options.flags};
    const auto uids = TRY(append_own(std::move(parts), flags, options.go));
    if (uids.empty()) return Appended{{}, false};
    return Appended{uids.front(), false, state().uid_validity};
  }
  Record record{std::move(parts)};
  TRY(record.measure());
  const auto held = lock(sys::Lock::Exclusive, Missing::Create);
  if (!held) return fail(held.error());
  // Deliveries need no UID and so no look at the mailbox. A message that brings bookkeeping fields
  // of its own must not pass for what this mailbox says of itself.
  const bool wants_uid = options.flags != Flags{} || record.has_bookkeeping();
  Intent intent;
  intent.id = options.delivery_id;
  Outcome outcome = Outcome::Fresh;
  std::optional<StateLog::Guard> guard { TRY(log_.lock()) };
  if (const auto open = state().intents.find(intent.id); open != state().intents.end()) {
    if (state().rewrite) {
      Rewriter rewriter{fd_, path_, log_, settings_.rewrite_window};
      TRY(rewriter.recover());
    }
    const Intent before = open->second;
    TRY(log_.sync());
    outcome = TRY(resolve(before, &record));
    if (outcome == Outcome::Again) intent = before;
    left_.insert(before.id);  // settled here, not by resolve_all()
  }
  TRY(resolve_all());
  left_.erase(intent.id);
  if (outcome == Outcome::Stored || state().done.contains(intent.id)) return Appended{{}, true};
  if (wants_uid) TRY(look());  // older messages get their UIDs first
  if (options.go) {
    guard.reset();  // sessions may change flags while the other side makes up its mind
    if (!options.go()) return fail(Errc::InUse, "The other side went away");
    guard.emplace(TRY(log_.lock()));
  }
  const bool is_fresh = outcome != Outcome::Again;
  if (is_fresh) intent = TRY(begin(record, intent.id, options.may_be_retried));
  TRY(put(record, intent, is_fresh));
  close_stored(intent);
  if (!wants_uid) return Appended{{}, false};
  const auto uids = uids_of(record, intent, std::array{options.flags});
  if (uids) return Appended{uids->front(), false, state().uid_validity};
  log::warning("mailbox " + log::escape(path_) + ": " + uids.error().log_text);
  return Appended{{}, false};
}

Result<std::vector<Uid>> MboxMailbox::append_all(std::span<const NewMessage> messages) {
  if (messages.empty()) return std::vector<Uid>{};
  std::vector<Record::Part> parts;
  std::vector<Flags> flags;
  for (const NewMessage& message : messages) {
    const auto date = message::to_local(message.internal_date.value_or(now()));
    parts.push_back({message::format_from_line(std::string{}, date), nullptr, &message});
    flags.push_back(message.flags);
  }
  return append_own(std::move(parts), flags, {});
}

// Who appends with IMAP is told the UIDs. Flags stand in the messages' fields from the start.
Result<std::vector<Uid>> MboxMailbox::append_own(std::vector<Record::Part> parts,
                                                 std::span<const Flags> flags,
                                                 const std::function<bool()>& go) {
  const auto held = lock(sys::Lock::Exclusive, Missing::Create);
  if (!held) return fail(held.error());
  std::optional<StateLog::Guard> guard { TRY(log_.lock()) };
  TRY(resolve_all());
  TRY(look());  // older messages get their UIDs first
  if (go) {
    guard.reset();  // sessions may change flags while the other side makes up its mind
    if (!go()) return fail(Errc::InUse, "The other side went away");
    guard.emplace(TRY(log_.lock()));
  }
  set_fields_of(parts, flags);
  Record record{std::move(parts)};
  TRY(record.measure());
  const Intent intent = TRY(begin(record, own_id(record.hash(), now()), false));
  const std::time_t before = look_.mtime;
  TRY(put(record, intent, true));
  show_change(before);
  left_.insert(intent.id);  // open until its UIDs are noted: not to be settled by look()
  auto uids = uids_of(record, intent, flags);
  left_.erase(intent.id);
  if (uids) {
    close_stored(intent);
    return uids;
  }
  // Nobody has seen them yet, and without their flags they would be other messages.
  forget_look();
  auto cut = cut_back(intent);
  if (cut || TRY(size_now()) == intent.at) return uids;
  log::warning("mailbox " + log::escape(path_) + ": " + uids.error().log_text + "; " +
               cut.error().log_text);
  return std::vector<Uid>{};
}

void MboxMailbox::set_fields_of(std::vector<Record::Part>& parts, std::span<const Flags> flags) {
  const auto tells = tell_before_append(flags);
  if (!tells) log::info("mailbox " + log::escape(path_) + ": " + tells.error().log_text);
  const bool tells_uids = tells && *tells;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::vector<Field> fields;
    if (tells_uids && i == 0 && places_.size() == 0 && look_.base_validity == 0) {
      fields.push_back({"X-IMAPbase", base_to_tell({}, false, flags).value_or("")});
    }
    const auto uid = state().uid_next.value + static_cast<std::uint32_t>(i);
    if (tells_uids) fields.push_back({"X-UID", std::to_string(uid)});
    for (Field& field : flag_fields(flags[i], false)) fields.push_back(std::move(field));
    parts.at(i).fields = to_lines(fields);
  }
}

}  // namespace mail::store::mbox
