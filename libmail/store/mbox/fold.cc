// Taking acknowledged flags and expunges over into the mbox: Status, X-Status and X-Keywords as
// Dovecot and Heirloom mailx have them. A message with nothing to say gets no field.
#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/store/mbox/mailbox.h"

namespace mail::store::mbox {
namespace {

constexpr std::size_t kMany = 100;  // messages whose reading costs more than an index
constexpr std::uint64_t kMaxHeader = 16ULL << 20U;  // octets; beyond it flags stay in the log

struct Field {
  std::string_view name;
  std::string value;  // empty: no such field
  bool is_written = false;
};

std::vector<Field> fields_for(const Entry& entry) {
  const Flags& flags = entry.flags;
  Field status{"Status", {}};
  if (flags.has(Flag::Seen)) status.value += 'R';
  if (entry.old != 0) status.value += 'O';
  Field x_status{"X-Status", {}};
  if (flags.has(Flag::Answered)) x_status.value += 'A';
  if (flags.has(Flag::Flagged)) x_status.value += 'F';
  if (flags.has(Flag::Draft)) x_status.value += 'T';
  if (flags.has(Flag::Deleted)) x_status.value += 'D';
  Field keywords{"X-Keywords", {}};
  for (const auto& keyword : flags.keywords) {
    if (!keywords.value.empty()) keywords.value += ' ';
    keywords.value += keyword;
  }
  return {status, x_status, keywords};
}

}  // namespace

// False where the header section is not ours to change: the flags stay in the log.
Result<bool> MboxMailbox::splice_fields(const Place& place, const Entry& entry,
                                        std::vector<Splice>& splices) {
  const std::uint64_t size = place.header_end - place.content();
  if (size > kMaxHeader) return false;
  const std::string header =
      TRY(sys::pread_all(fd_, place.content(), static_cast<std::size_t>(size)));
  if (!header.empty() && header.back() != '\n') return false;  // ends inside a line
  const std::string line_end = header.ends_with("\r\n") ? "\r\n" : "\n";
  auto fields = fields_for(entry);
  std::size_t at = 0;
  while (at < header.size()) {
    // A line without a colon is no field, whatever word it is.
    const auto name_end = header.find_first_of(":\n", at);
    const bool is_field = header.at(name_end) == ':';
    std::size_t end = header.find('\n', at) + 1;
    while (end < header.size() && ascii::is_wsp(header.at(end))) end = header.find('\n', end) + 1;
    const auto name = ascii::trim(std::string_view{header}.substr(at, name_end - at));
    for (Field& field : fields) {
      if (!is_field || !ascii::iequals(name, field.name)) continue;
      std::string line;
      if (!field.value.empty() && !field.is_written) {
        line = std::string(field.name) + ": " + field.value + line_end;
      }
      field.is_written = true;
      if (std::string_view{header}.substr(at, end - at) != line) {
        splices.push_back({place.content() + at, place.content() + end, line});
      }
    }
    at = end;
  }
  std::string added;
  for (const Field& field : fields) {
    if (!field.is_written && !field.value.empty()) {
      added += std::string(field.name) + ": " + field.value + line_end;
    }
  }
  if (!added.empty()) splices.push_back({place.header_end, place.header_end, added});
  return true;
}

// Where everything lies now: as before, moved by the splices, so that nothing need be read anew.
void MboxMailbox::follow(const std::vector<Splice>& splices) {
  std::size_t next = 0;
  std::uint64_t added = 0;
  std::uint64_t removed = 0;
  const auto move = [&](std::uint64_t at, bool with_here) {
    while (next < splices.size() &&
           (splices.at(next).begin < at || (with_here && splices.at(next).begin == at))) {
      added += splices.at(next).with.size();
      removed += splices.at(next).end - splices.at(next).begin;
      ++next;
    }
    return at + added - removed;
  };
  std::vector<Place> places = places_.all();
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.from < b.from; });
  std::vector<Place> kept;
  kept.reserve(places.size());
  for (Place place : places) {
    const std::uint64_t from = place.from;
    place.from = move(place.from, false);
    if (next < splices.size() && splices.at(next).begin == from) continue;  // expunged
    const std::size_t first = next;
    place.header_end = move(place.header_end, true);
    if (next > first) place.has_bookkeeping = 1;
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
  places_.assign(std::move(kept));
}

// What the log has and the file has not, by where it lies.
Result<std::vector<Place>> MboxMailbox::places_to_fold() {
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
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.from < b.from; });
  return places;
}

Result<void> MboxMailbox::write_pending() {
  const auto has_pending = [&] {
    return !state().doomed.empty() || state().messages.pending() > 0;
  };
  if (!has_pending()) return {};
  const auto held = lock(sys::Lock::Exclusive, Missing::Fail);
  if (!held) return fail(held.error());
  TRY(look());
  const auto guard = TRY(log_.lock());
  if (!has_pending()) return {};
  std::vector<Splice> splices;
  Ops finished;
  const std::uint64_t size = TRY(size_now());
  if (!places_.load()) {
    TRY(log_.distrust_index());
    forget_look();
    TRY(look());
    if (!has_pending()) return {};
  }
  for (const Place& place : TRY(places_to_fold())) {
    if (const Entry* const doomed = state().doomed.find(place.uid)) {
      splices.push_back({place.from, std::min(place.next(), size), {}});
      finished.gone(place.uid, doomed->modseq);
      continue;
    }
    const Entry* const entry = state().messages.find(place.uid);
    if (entry == nullptr || entry->pending == 0) continue;
    if (!TRY(splice_fields(place, *entry, splices))) continue;
    finished.stored(place.uid, entry->modseq, entry->flags, entry->old != 0);
  }
  if (splices.empty()) return log_.write(finished, true);
  Rewriter rewriter{fd_, path_, log_, settings_.rewrite_window};
  has_looked_ = false;
  TRY(rewriter.apply(splices, finished));
  follow(splices);
  remember(TRY(sys::fstat(fd_)), {});  // nobody else can have changed it
  // The next opener would find nothing where the index says.
  is_index_stale_ = is_index_stale_ || places_.size() > kMany;
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
