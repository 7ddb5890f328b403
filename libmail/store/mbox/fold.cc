// Taking acknowledged flags and expunges over into the mbox, and UIDs where a Dovecot uses it too.
// A message with nothing to say gets no field.
#include <algorithm>
#include <utility>

#include "libmail/base/log.h"
#include "libmail/store/mbox/bookkeeping.h"
#include "libmail/store/mbox/mailbox.h"

namespace mail::store::mbox {
namespace {

constexpr std::uint64_t kMaxHeader = 16ULL << 20U;  // octets; beyond it flags stay in the log
constexpr std::uint64_t kMuch = 64UL * 1024;        // octets that are better not moved for a flag

bool by_from(const Place& a, const Place& b) { return a.from < b.from; }

}  // namespace

// False where the header section is not ours to change: the flags stay in the log.
Result<bool> MboxMailbox::splice_fields(const Place& place, const std::vector<Field>& fields,
                                        std::vector<Splice>& splices) {
  const std::uint64_t size = place.header_end - place.content();
  if (size > kMaxHeader) return false;
  // With the From_ line's end before it.
  std::string header =
      TRY(sys::pread_all(fd_, place.content() - 1, static_cast<std::size_t>(size) + 1));
  if (header.empty() || header.front() != '\n' || header.back() != '\n') return false;
  header.erase(0, 1);
  const bool is_much = look_.octets > place.end && look_.octets - place.end > kMuch;
  auto splice = set_fields(header, place.content(), fields, is_much ? Room::Leave : Room::None);
  if (splice) splices.push_back(*std::move(splice));
  return true;
}

// Where everything lies now: as before, moved by the splices, so that nothing need be read anew.
void MboxMailbox::follow(const std::vector<Splice>& splices, bool tells_uids) {
  std::size_t next = 0;
  std::uint64_t added = 0;
  std::uint64_t removed = 0;
  const auto move = [&](std::uint64_t at, bool with_here) {
    while (next < splices.size() &&
           (splices.at(next).begin < at ||
            (with_here && splices.at(next).begin == at && splices.at(next).end == at))) {
      added += splices.at(next).with.size();
      removed += splices.at(next).end - splices.at(next).begin;
      ++next;
    }
    return at + added - removed;
  };
  std::vector<Place> places = places_.all();
  std::sort(places.begin(), places.end(), by_from);
  std::vector<Place> kept;
  kept.reserve(places.size());
  for (Place place : places) {
    const std::uint64_t from = place.from;
    place.from = move(place.from, false);
    if (next < splices.size() && splices.at(next).begin == from) continue;  // expunged
    const std::size_t first = next;
    place.header_end = move(place.header_end, true);
    if (next > first) {
      place.has_bookkeeping = 1;
      if (tells_uids) place.is_told = 1;
    }
    place.end = move(place.end, false);
    kept.push_back(place);
  }
  look_.last_uid = look_.last_from = look_.last_fingerprint = 0;
  if (!kept.empty()) {
    const Entry* const last = state().messages.find(kept.back().uid);
    look_.last_from = kept.back().from;
    look_.last_uid = last == nullptr ? 0 : last->uid.value;
    look_.last_fingerprint = last == nullptr ? 0 : last->key_value;
  }
  look_.first_header_end = kept.empty() ? move(look_.octets, true) : kept.front().header_end;
  look_.untold = static_cast<std::uint64_t>(
      std::count_if(kept.begin(), kept.end(), [](const Place& one) { return one.is_told == 0; }));
  places_.assign(std::move(kept));
}

bool MboxMailbox::has_pending() const {
  return !state().doomed.empty() || state().messages.pending() > 0 || !are_uids_told();
}

// What the log has and the file has not, by where it lies.
Result<std::vector<Place>> MboxMailbox::places_to_fold(bool tells_uids) {
  std::vector<Place> places;
  const auto add = [&](const Entry& entry) -> Result<void> {
    if (const auto place = TRY(find_place(entry.uid))) places.push_back(*place);
    return {};
  };
  for (const Entry& entry : state().doomed) TRY(add(entry));
  if (state().messages.pending() > 0) {
    for (const Entry& entry : state().messages) {
      if (entry.pending != 0) TRY(add(entry));
    }
  }
  if (tells_uids) {
    const Place* first = nullptr;  // of those that stay
    for (const Place& place : places_.all()) {
      if (!state().messages.contains(place.uid)) continue;
      if (first == nullptr || place.from < first->from) first = &place;
      if (place.is_told == 0) places.push_back(place);
    }
    if (first != nullptr) places.push_back(*first);
  }
  std::sort(places.begin(), places.end(), by_from);
  const auto same = [](const Place& a, const Place& b) { return a.from == b.from; };
  places.erase(std::unique(places.begin(), places.end(), same), places.end());
  return places;
}

// `coming`: the flags of messages that are appended next.
Result<std::vector<Splice>> MboxMailbox::pending_splices(bool tells_uids,
                                                         std::span<const Flags> coming,
                                                         Ops& finished) {
  std::vector<Splice> splices;
  UidBase base;
  if (tells_uids && look_.base_validity != 0) base = TRY(read_base());
  bool is_base_to_come = tells_uids;
  if (base.pseudo) {
    is_base_to_come = false;
    if (const auto value = base_to_tell(base, true, coming)) {
      TRY(splice_fields(place_of(*base.pseudo), {{"X-IMAP", *value}}, splices));
    }
  }
  for (const Place& place : TRY(places_to_fold(tells_uids))) {
    if (const Entry* const doomed = state().doomed.find(place.uid)) {
      splices.push_back({place.from, std::min(place.next(), look_.octets), {}});
      finished.gone(place.uid, doomed->modseq);
      continue;
    }
    const Entry* const entry = state().messages.find(place.uid);
    if (entry == nullptr) continue;
    std::vector<Field> fields;
    if (std::exchange(is_base_to_come, false)) {
      const bool stays = place.header_end == look_.first_header_end;
      if (auto value = base_to_tell(base, stays, coming)) {
        fields.push_back({"X-IMAPbase", *std::move(value)});
      }
    }
    if (tells_uids) fields.push_back({"X-UID", std::to_string(place.uid.value)});
    for (Field& field : flag_fields(entry->flags, entry->old != 0)) {
      fields.push_back(std::move(field));
    }
    if (!TRY(splice_fields(place, fields, splices))) continue;
    if (entry->pending != 0) {
      finished.stored(place.uid, entry->modseq, entry->flags, entry->old != 0);
    }
  }
  return splices;
}

// What is to be altered has to lie where it did.
Result<void> MboxMailbox::look_where_to_fold(bool tells_uids) {
  if (look_.is_settled != 0 && look_.is_tail_only == 0) return {};
  for (const Place& place : TRY(places_to_fold(tells_uids))) {
    if (TRY(is_still_there(place))) continue;
    forget_look();
    return look();
  }
  return {};
}

Result<void> MboxMailbox::write_pending(std::span<const Flags> coming) {
  if (!has_pending() && coming.empty()) return {};
  TRY(load());
  const auto held = lock(sys::Lock::Exclusive, Missing::Fail);
  if (!held) return fail(held.error());
  TRY(look());
  const auto guard = TRY(log_.lock());
  if (!places_.load()) {
    TRY(log_.distrust_index());
    forget_look();
    TRY(look());
  }
  TRY(look_where_to_fold(is_shared_with_dovecot()));
  if (!has_pending() && coming.empty()) return {};
  const bool tells_uids =
      is_shared_with_dovecot() && (places_.size() > 0 || look_.base_validity != 0);
  Ops finished;
  const auto splices = TRY(pending_splices(tells_uids, coming, finished));
  if (splices.empty()) {
    TRY(log_.write(finished, true));
  } else {
    Rewriter rewriter{fd_, path_, log_, settings_.rewrite_window};
    has_looked_ = false;
    const std::time_t before = look_.mtime;
    TRY(rewriter.apply(splices, finished));
    show_change(before);
    follow(splices, tells_uids);
    if (tells_uids) note_base(TRY(read_base()));
    remember(TRY(sys::fstat(fd_)), {});  // nobody else can have changed it
  }
  if (tells_uids) TRY(tell_last_uid(coming.size()));
  if (!splices.empty()) tell_look();
  return {};
}

Result<void> MboxMailbox::fold() {
  TRY(refresh());
  TRY(write_pending());
  save_index();
  return {};
}

void MboxMailbox::take_over(bool /*flags*/, bool expunged) {
  if (!expunged) return;  // flags wait for fold(): a rewrite for each would be too much
  if (auto folded = write_pending(); !folded) {
    log::info("mailbox " + log::escape(path_) +
              ": expunged messages stay, hidden, for now: " + folded.error().log_text);
  }
}

}  // namespace mail::store::mbox
