// What a Dovecot that uses the same mbox is told of UIDs, and tells: X-UID of each message, and
// X-IMAPbase of the first ("UIDVALIDITY HIGHEST KEYWORD...", the highest UID given, in ten digits).
// It writes them at its first look, so whatever it has told a client stands in the file; and it
// gives the next UID above HIGHEST to whatever stands there without one.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <unordered_set>

#include "libmail/base/log.h"
#include "libmail/store/hash.h"
#include "libmail/store/mbox/bookkeeping.h"
#include "libmail/store/mbox/mailbox.h"

namespace mail::store::mbox {
namespace {

constexpr std::uint64_t kSector = 512;  // octets of which a power failure leaves all or none

std::string ten_digits(std::uint32_t number) {
  const std::string digits = std::to_string(number);
  return std::string(10 - digits.size(), '0') + digits;
}

constexpr std::chrono::hours kDay{24};
constexpr std::uint32_t kMostHighest = INT32_MAX;  // a HIGHEST above it is a forged one
constexpr std::time_t kMostAhead = 5;  // seconds that the file's time is set ahead at most

bool is_whole_in_sector(const UidBase& base) {
  return base.uid_last_at / kSector == (base.uid_last_at + 9) / kSector;
}

}  // namespace

// A mailbox of which we know nothing, or hardly anything any more: another program has put it where
// ours was. Its UIDVALIDITY and UIDs are taken over; a lower one, or one of times to come, only
// where a Dovecot is: anybody may send such a field, and UIDs must not come again under one that
// clients remember.
Result<void> MboxMailbox::adopt_identity(const Scan& all) {
  Ops ops;
  const std::uint32_t ours = state().uid_validity.value;
  const bool has_dovecot = dovecot_.is_in_memory || dovecot_stamp() != 0;
  const auto tomorrow = (now() + kDay).time_since_epoch() / std::chrono::seconds(1);
  const std::uint32_t theirs =
      has_dovecot || all.base.uid_validity <= tomorrow ? all.base.uid_validity : 0;
  choose_identity(ops, {theirs});
  const bool is_credible = theirs > ours || has_dovecot;
  if (ours != 0 && theirs != 0 && theirs != ours && is_credible) {
    std::unordered_set<std::uint64_t> keys;
    for (const Entry& entry : state().messages) keys.insert(entry.key_value);
    for (const Entry& entry : state().doomed) keys.insert(entry.key_value);
    const auto known =
        std::count_if(all.messages.begin(), all.messages.end(),
                      [&](const Found& found) { return keys.contains(found.fingerprint); });
    if (static_cast<std::size_t>(known) <= all.messages.size() / 2) ops.uid_validity({theirs});
  }
  if (ops.empty()) return {};
  TRY(log_.write(ops, true));
  return log_.is_as_told() ? Result<void>{} : fail(log_.lost());
}

// X-UIDs up to it count, and none of them is given again. Nearly all the room of UIDs in one go is
// a forged one. 0: there is none.
std::uint32_t MboxMailbox::highest_told(const UidBase& base) const {
  const bool holds =
      base.uid_validity == state().uid_validity.value && base.uid_last <= kMostHighest;
  return holds ? base.uid_last : 0;
}

Result<void> MboxMailbox::skip_told_uids(const UidBase& base) {
  const Uid next{highest_told(base) + 1};
  if (next <= state().uid_next) return {};
  Ops ops;
  ops.uid_next(next);
  return log_.write(ops, true);
}

void MboxMailbox::note_base(const UidBase& base) {
  look_.base_validity = base.uid_validity;
  look_.base_last = base.uid_last;
  look_.base_last_at = base.uid_last_at;
}

// Anew from the file: of the first message, or the pseudo-message before it.
Result<UidBase> MboxMailbox::read_base() {
  Scan first = TRY(scan(fd_, 0, look_.first_header_end, {}));
  return std::move(first.base);
}

// Dovecot knows a change by size and whole seconds, and may have looked in this same one: without
// this it would go on reading where messages do not begin any more. `before`: the change's.
void MboxMailbox::show_change(std::time_t before) {
  if (!is_shared_with_dovecot()) return;
  const auto status = sys::fstat(fd_);
  if (!status || status->st_mtim.tv_sec > before) return;
  if (before + 1 > std::time(nullptr) + kMostAhead) return;
  const std::array<struct ::timespec, 2> times{{{0, UTIME_OMIT}, {before + 1, 0}}};
  static_cast<void>(::futimens(fd_.get(), times.data()));
}

// Dovecot notes each change of its own in its log, of flags in place too. 0: there is none.
std::uint64_t MboxMailbox::dovecot_stamp() const {
  if (dovecot_.log.empty()) return 0;
  const auto status = sys::stat(dovecot_.log);
  if (!status) return 0;
  Hasher hasher;
  for (const auto number :
       {static_cast<std::int64_t>(status->st_ino), static_cast<std::int64_t>(status->st_size),
        static_cast<std::int64_t>(status->st_mtim.tv_sec),
        static_cast<std::int64_t>(status->st_mtim.tv_nsec)}) {
    hasher.update(std::to_string(number) + " ");
  }
  return hasher.digest() | 1U;
}

// Whether a Dovecot may have changed messages that we have seen, in an mbox that else has grown.
bool MboxMailbox::may_have_changed_within() const {
  // (What costs least first: this is asked at each look.)
  return (dovecot_.is_in_memory || dovecot_stamp() != look_.dovecot_stamp) &&
         is_shared_with_dovecot();
}

// Where no Dovecot is, nobody asks for UIDs: a large mbox is not rewritten for nothing. Its index
// directory may hold our own alone (docs/mail-location.md).
bool MboxMailbox::is_shared_with_dovecot() const {
  if (look_.base_validity != 0) return true;
  if (dovecot_.directory.empty()) return false;
  if (*dovecot_.is_met) return true;
  const auto names = sys::list_directory(dovecot_.directory);
  *dovecot_.is_met =
      names && std::ranges::any_of(*names, [](const auto& name) { return name != kOwnDirectory; });
  return *dovecot_.is_met;
}

bool MboxMailbox::are_uids_told() const {
  if (!is_shared_with_dovecot()) return true;
  const bool has_holder = places_.size() > 0 || look_.base_validity != 0;
  return !has_holder ||
         (look_.untold == 0 && look_.base_last_at != 0 && look_.base_last <= kMostHighest &&
          look_.base_validity == state().uid_validity.value &&
          look_.base_last + 1 >= state().uid_next.value);
}

// Dovecot passes over words of X-Keywords that X-IMAPbase does not have.
std::vector<std::string> MboxMailbox::untold_keywords(const UidBase& base,
                                                      std::span<const Flags> coming) const {
  Flags told;
  for (const auto& keyword : base.keywords) told.set_keyword(keyword);
  std::vector<std::string> untold;
  const auto look_at = [&](const Flags& flags) {
    for (const auto& keyword : flags.keywords) {
      if (told.has_keyword(keyword)) continue;
      told.set_keyword(keyword);
      untold.push_back(keyword);
    }
  };
  for (const Entry& entry : state().messages) look_at(entry.flags);
  for (const Flags& flags : coming) look_at(flags);
  return untold;
}

// What X-IMAPbase shall say; nothing where it does, or needs its ten digits altered only.
std::optional<std::string> MboxMailbox::base_to_tell(const UidBase& base, bool holder_stays,
                                                     std::span<const Flags> coming) const {
  const auto keywords = untold_keywords(base, coming);
  const bool is_ours = base.uid_validity == state().uid_validity.value;
  std::uint32_t last = state().uid_next.value - 1 + static_cast<std::uint32_t>(coming.size());
  last = std::max(last, highest_told(base));
  const bool is_easy = base.uid_last_at != 0 && base.uid_last <= kMostHighest &&
                       (base.uid_last >= last || is_whole_in_sector(base));
  if (holder_stays && is_ours && is_easy && keywords.empty()) return std::nullopt;
  std::string value = std::to_string(state().uid_validity.value) + " " + ten_digits(last);
  for (const auto& keyword : base.keywords) value += " " + keyword;
  for (const auto& keyword : keywords) value += " " + keyword;
  return value;
}

// HIGHEST, in place. With messages coming not yet durable: their append is.
Result<void> MboxMailbox::tell_last_uid(std::size_t coming) {
  const std::uint32_t last = state().uid_next.value - 1 + static_cast<std::uint32_t>(coming);
  const bool is_ours = look_.base_validity == state().uid_validity.value;
  if (!is_ours || look_.base_last >= last || look_.base_last_at == 0) return {};
  TRY(sys::pwrite_all(fd_, ten_digits(last), look_.base_last_at));
  if (coming == 0) TRY(sys::fdatasync(fd_, path_));
  look_.base_last = last;
  show_change(look_.mtime);
  remember(TRY(sys::fstat(fd_)), {});
  return {};
}

// Under the exclusive lock, after a look: whether X-UID counts in what is appended next. What
// stands before it is told first: Dovecot would give it UIDs above HIGHEST.
Result<bool> MboxMailbox::tell_before_append(std::span<const Flags> coming) {
  if (!is_shared_with_dovecot()) return false;
  TRY(write_pending(coming));
  return are_uids_told();
}

}  // namespace mail::store::mbox
