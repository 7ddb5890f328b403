// Looking at the file: what has changed since the last time, at the cost of what has.
#include <algorithm>
#include <bit>
#include <utility>

#include "libmail/base/log.h"
#include "libmail/store/mbox/mailbox.h"

namespace mail::store::mbox {
namespace {

// A change within the granularity of file times of our look would not show in them: 10 ms at most
// on a local file system (HZ=100), a second where times have no fraction.
bool is_settled(const struct ::stat& status, std::chrono::system_clock::time_point looked) {
  const auto time = [](const struct ::timespec& t) {
    return std::chrono::system_clock::time_point{std::chrono::seconds(t.tv_sec) +
                                                 std::chrono::nanoseconds(t.tv_nsec)};
  };
  const bool is_coarse = status.st_ctim.tv_nsec == 0;
  const auto margin = is_coarse ? std::chrono::milliseconds(2000) : std::chrono::milliseconds(50);
  return std::max(time(status.st_ctim), time(status.st_mtim)) + margin < looked;
}

constexpr std::size_t kMany = 100;             // messages whose reading costs more than an index
constexpr std::uint64_t kSmall = 1ULL << 20U;  // octets of an mbox that is read whole when in doubt

}  // namespace

bool MboxMailbox::is_as_looked_at(const struct ::stat& status) const {
  return has_looked_ && look_.uid_validity == state().uid_validity.value &&
         status.st_ino == look_.inode && status.st_dev == look_.device &&
         static_cast<std::uint64_t>(status.st_size) == look_.octets &&
         status.st_mtim.tv_sec == look_.mtime &&
         status.st_mtim.tv_nsec == look_.mtime_nanoseconds &&
         status.st_ctim.tv_sec == look_.ctime && status.st_ctim.tv_nsec == look_.ctime_nanoseconds;
}

// Whether nothing can have changed since the last look.
bool MboxMailbox::knows(const struct ::stat& status) const {
  return look_.is_settled != 0 && is_as_looked_at(status) && state().uid_validity.value != 0 &&
         (look_.is_tail_only == 0 || !may_have_changed_within());
}

void MboxMailbox::forget_look() {
  has_looked_ = false;
  look_ = {};
  places_.clear();
  read_again_.clear();
  forget_ahead();
}

void MboxMailbox::remember(const struct ::stat& status,
                           std::chrono::system_clock::time_point when) {
  read_again_.clear();
  forget_ahead();
  look_.device = status.st_dev;
  look_.inode = status.st_ino;
  look_.octets = static_cast<std::uint64_t>(status.st_size);
  look_.mtime = status.st_mtim.tv_sec;
  look_.mtime_nanoseconds = status.st_mtim.tv_nsec;
  look_.ctime = status.st_ctim.tv_sec;
  look_.ctime_nanoseconds = status.st_ctim.tv_nsec;
  look_.is_settled = is_settled(status, when) ? 1 : 0;
  look_.uid_validity = state().uid_validity.value;
  has_looked_ = true;
}

// Where a change in place has moved nothing, the index need not be written anew.
void MboxMailbox::tell_look() {
  if (!places_.is_as_in_index() || !log_.index()) {
    // The next opener would find nothing where the index says.
    is_index_stale_ = is_index_stale_ || places_.size() > kMany;
    return;
  }
  const auto numbers = std::bit_cast<LookNumbers>(look_);
  Ops ops;
  ops.looked({log_.index()->header().nonce, {numbers.begin(), numbers.end()}});
  static_cast<void>(log_.write(ops, false));
  adopted_ = state().looked;
}

void MboxMailbox::adopt_look() {
  const auto& told = state().looked;
  LookNumbers numbers{};
  if (!told || told == adopted_ || !log_.index() || !places_.is_as_in_index() ||
      told->index != log_.index()->header().nonce || told->numbers.size() != numbers.size()) {
    return;
  }
  adopted_ = told;
  std::copy(told->numbers.begin(), told->numbers.end(), numbers.begin());
  look_ = std::bit_cast<Look>(numbers);
  has_looked_ = look_.inode != 0;
  read_again_.clear();
  forget_ahead();
}

Result<void> MboxMailbox::forget_all() {
  // A file that was removed is an empty mailbox. A directory that is not there is a disk that is
  // not mounted: the messages and their UIDs will be back.
  const std::string directory = parent_directory(path_);
  if (!state().messages.empty() && !sys::exists(directory)) {
    return fail(Errc::Unavailable, "Mailbox directory is missing",
                log::escape(directory) + " is missing, mail was in it");
  }
  forget_look();
  fd_.reset();
  const auto guard = TRY(log_.lock());
  Ops ops;
  choose_identity(ops, {});
  if (state().rewrite) ops.rewritten();  // there is nothing to write into any more
  TRY(log_.write(ops, true));
  return reconcile({});
}

// Octets of an append that did not come to its end: what stands in their place is no message, and
// does not belong to the one before.
Result<std::vector<Range>> MboxMailbox::find_holes(std::uint64_t size) {
  std::vector<Range> holes;
  const auto status = TRY(sys::fstat(fd_));
  for (const auto& [id, intent] : state().intents) {
    if (intent.inode != status.st_ino || !intent.file.empty()) continue;
    const std::uint64_t end = intent.at + intent.length;
    if (end > size || intent.length < 3) continue;
    const std::string last = TRY(sys::pread_all(fd_, end - 3, 3));
    if (last != std::string("\0\n\n", 3) || TRY(is_whole(intent, size))) continue;
    holes.push_back({intent.at, end});
  }
  std::sort(holes.begin(), holes.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  return holes;
}

Result<void> MboxMailbox::look() {
  TRY(catch_up());
  adopt_look();
  if (is_exclusive_ && has_work_left()) {
    const auto guard = TRY(log_.lock());
    TRY(resolve_all());
  }
  if (state().rewrite && is_writable_) {  // what lies there is no mailbox until it is mended
    return fail(Errc::InUse, "Mailbox is in use",
                log::escape(path_) + ": a rewrite was broken off just now");
  }
  const auto status = TRY(sys::fstat(fd_));
  if (knows(status)) return log_.sync();
  const auto when = std::chrono::system_clock::now();
  // Changed so shortly ago that its times may hide another change: looked at once more when they
  // cannot any longer, not at each call until then. locate() trusts no offset meanwhile.
  if (is_as_looked_at(status) && state().uid_validity.value != 0 && !is_settled(status, when)) {
    return log_.sync();
  }
  const bool was_young = is_as_looked_at(status) && look_.is_settled == 0;
  const auto holes = TRY(find_holes(static_cast<std::uint64_t>(status.st_size)));
  if (!holes.empty() || !TRY(look_at_tail(status))) TRY(look_at_all(status, holes));
  remember(status, when);
  if (was_young && look_.is_settled != 0 && places_.is_as_in_index()) {
    if (const auto guard = log_.try_lock()) tell_look();  // or the next opener looks again
  }
  return {};
}

// It has grown, or its times may hide a change. If its last message still stands where it stood,
// what is behind that is new, and all before it as it was. False: all has to be looked at.
Result<bool> MboxMailbox::look_at_tail(const struct ::stat& status) {
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const bool is_grown_one = has_looked_ && look_.uid_validity == state().uid_validity.value &&
                            look_.uid_validity != 0 && look_.last_uid != 0 &&
                            status.st_ino == look_.inode && status.st_dev == look_.device &&
                            (size > look_.octets || (size > kSmall && is_as_looked_at(status)));
  const Uid last{static_cast<std::uint32_t>(look_.last_uid)};
  // UIDs do not ascend where another program has sorted it.
  if (!is_grown_one || places_.last_uid() != last || may_have_changed_within()) return false;
  Scan tail = TRY(scan(fd_, look_.last_from, size, {}));
  if (tail.messages.empty() || tail.messages.front().fingerprint != look_.last_fingerprint ||
      tail.messages.front().from != look_.last_from) {
    return false;
  }
  has_looked_ = false;
  UidBase base;
  if (look_.base_validity != 0) base = TRY(read_base());
  note_base(base);
  {
    const auto guard = TRY(log_.lock());
    const std::uint32_t told = highest_told(base);
    std::vector<Item*> items;
    for (Found& found : tail.messages) {
      if (found.file_uid <= told) found.uid_hint = found.file_uid;
      const auto wished = wished_.find(found.from);
      found.wished = wished == wished_.end() ? nullptr : &wished->second;
      items.push_back(&found);
    }
    TRY(reconcile_tail(last, items, {told + 1}));
    TRY(skip_told_uids(base));
  }
  for (const Found& found : tail.messages) {
    const bool is_known = &found == &tail.messages.front();
    if (!is_known && found.file_uid != found.uid.value) ++look_.untold;
    places_.append(place_of(found));
  }
  const Found& end = tail.messages.back();
  look_.last_from = end.from;
  look_.last_fingerprint = end.fingerprint;
  look_.last_uid = end.uid.value;
  look_.is_tail_only = 1;
  return true;
}

// What stands before the first From_ line stays where it is; to a person it may be a message that
// lost its own.
void MboxMailbox::tell_preamble(const Scan& all, std::uint64_t size) {
  std::uint64_t first = all.messages.empty() ? size : all.messages.front().from;
  if (all.base.pseudo) first = std::min(first, all.base.pseudo->from);
  if (first == 0 || std::exchange(has_told_preamble_, true)) return;
  log::warning("mailbox " + log::escape(path_) + ": " + std::to_string(first) +
               " octets before the first From_ line are no message, and left as they are");
}

Result<void> MboxMailbox::look_at_all(const struct ::stat& status,
                                      const std::vector<Range>& holes) {
  TRY(load());
  has_looked_ = false;
  const std::uint64_t stamp = dovecot_stamp();
  ScanOptions options;
  options.holes = holes;
  Scan all = TRY(scan(fd_, 0, static_cast<std::uint64_t>(status.st_size), options));
  if (holes.empty()) tell_preamble(all, static_cast<std::uint64_t>(status.st_size));
  {
    const auto guard = TRY(log_.lock());
    TRY(adopt_identity(all));
    const std::uint32_t told = highest_told(all.base);
    std::vector<Item*> items;
    items.reserve(all.messages.size());
    for (Found& found : all.messages) {
      if (found.file_uid <= told) found.uid_hint = found.file_uid;
      const auto wished = wished_.find(found.from);
      found.wished = wished == wished_.end() ? nullptr : &wished->second;
      items.push_back(&found);
    }
    TRY(reconcile(items, {told + 1}));
    TRY(skip_told_uids(all.base));
  }
  std::vector<Place> places;
  places.reserve(all.messages.size());
  for (const Found& found : all.messages) places.push_back(place_of(found));
  places_.assign(std::move(places));
  look_ = {};
  look_.dovecot_stamp = stamp;
  note_base(all.base);
  look_.first_header_end = static_cast<std::uint64_t>(status.st_size);
  if (!all.messages.empty()) {
    look_.first_header_end = all.messages.front().header_end;
    look_.untold = static_cast<std::uint64_t>(
        std::count_if(all.messages.begin(), all.messages.end(),
                      [](const Found& found) { return found.file_uid != found.uid.value; }));
    const Found& end = all.messages.back();
    look_.last_from = end.from;
    look_.last_fingerprint = end.fingerprint;
    look_.last_uid = end.uid.value;
  }
  is_index_stale_ = static_cast<std::uint64_t>(status.st_size) > kSmall;
  return {};
}

}  // namespace mail::store::mbox
