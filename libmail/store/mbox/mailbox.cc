#include "libmail/store/mbox/mailbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "libmail/base/log.h"
#include "libmail/message/from_line.h"

namespace mail::store::mbox {
namespace {

class ContentReader final : public MessageReader {
 public:
  ContentReader(std::shared_ptr<MboxMailbox> box, Uid uid, MboxMailbox::Shape shape)
      : box_(std::move(box)), uid_(uid), shape_(shape) {}
  [[nodiscard]] std::uint64_t size() const override { return shape_.header + shape_.body; }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    if (offset < head_.size()) {
      return head_.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
    }
    const std::size_t count = TRY(box_->read_content(uid_, shape_, offset, into));
    if (offset == 0 && count <= kHead) head_.assign(into.data(), count);
    return count;
  }

 private:
  static constexpr std::size_t kHead = 2048;  // octets
  // The first octets, if they were read alone: the header section is mostly read twice.
  std::string head_;
  std::shared_ptr<MboxMailbox> box_;
  Uid uid_;
  MboxMailbox::Shape shape_;
};

MboxMailbox::Shape shape_of(const Place& place) {
  return {place.header_end - place.content(), place.end - place.header_end};
}

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

constexpr std::uint64_t kSmall = 1ULL << 20U;  // octets of an mbox that is read whole when in doubt

}  // namespace

MboxMailbox::MboxMailbox(std::string path, std::string log_path, const std::string& index_path,
                         DovecotIndex dovecot, const Settings& settings)
    : LoggedMailbox(std::move(log_path), index_path, settings),
      path_(std::move(path)),
      dovecot_(std::move(dovecot)) {}

Result<void> MboxMailbox::open_file(sys::Lock kind, Missing missing) {
  fd_.reset();
  const bool create = missing == Missing::Create;
  auto opened = sys::open(path_, O_RDWR | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
  if (!opened && opened.error().code == Errc::NotFound && create) {
    opened = sys::open(path_, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!opened && opened.error().code == Errc::NotFound) {
      TRY(make_private_directories(parent_directory(path_)));
      opened = sys::open(path_, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    }
    if (!opened && opened.error().code == Errc::Exists) {
      opened = sys::open(path_, O_RDWR | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    }
  }
  is_writable_ = opened.has_value();
  if (!opened && opened.error().code == Errc::Denied && kind == sys::Lock::Shared) {
    opened = sys::open(path_, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
  }
  if (!opened) return fail(opened.error());
  const auto status = TRY(sys::fstat(*opened));
  if (!S_ISREG(status.st_mode)) {
    return fail(Errc::Denied, "Not a mailbox", log::escape(path_) + " is not a regular file");
  }
  fd_ = std::move(*opened);
  return {};
}

Result<MboxMailbox::Lock> MboxMailbox::lock(sys::Lock kind, Missing missing) {
  if (depth_ > 0) {
    if (kind == sys::Lock::Exclusive && !is_exclusive_) {
      return fail(Errc::Internal, "Mailbox is in use", "a shared lock cannot be raised");
    }
    return Lock{*this};
  }
  for (;;) {
    if (!fd_.is_open() || (kind == sys::Lock::Exclusive && !is_writable_)) {
      TRY(open_file(kind, missing));
    }
    TRY(file_lock_.take(fd_, path_, kind));
    // Whoever replaced the file while we waited has a lock on another one than ours.
    const auto named = sys::stat(path_);
    if (!named && named.error().code != Errc::NotFound) {
      file_lock_.release(fd_);
      return fail(named.error());
    }
    const auto ours = TRY(sys::fstat(fd_));
    if (named && named->st_ino == ours.st_ino && named->st_dev == ours.st_dev) {
      is_exclusive_ = kind == sys::Lock::Exclusive;
      return Lock{*this};
    }
    file_lock_.release(fd_);
    fd_.reset();
    if (!named && missing == Missing::Fail) return fail(named.error());
  }
}

void MboxMailbox::release() {
  if (--depth_ > 0) return;
  file_lock_.release(fd_);
  is_exclusive_ = false;
}

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
}

void MboxMailbox::remember(const struct ::stat& status,
                           std::chrono::system_clock::time_point when) {
  read_again_.clear();
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

void MboxMailbox::put_format(IndexWriter& writer) {
  Look look = look_;
  if (!has_looked_ || !places_.load()) {
    look = {};
    forget_look();
  }
  writer.put_record(look);
  for (const Place& place : places_.all()) writer.put_record(place);
}

void MboxMailbox::restore() {
  const auto& index = log_.index();
  forget_look();
  if (!index) return;
  Section section = index->header().format;
  if (section.octets < sizeof(Look) || (section.octets - sizeof(Look)) % sizeof(Place) != 0) return;
  Look look;
  if (!index->read(section.at, Index::as_octets(std::span(&look, 1)))) return;
  section.at += sizeof(Look);
  section.octets -= sizeof(Look);
  places_.assign(index, section);
  look_ = look;
  has_looked_ = look.inode != 0;
}

Result<void> MboxMailbox::refresh() {
  watch_.look({path_, log_.path()});
  TRY(catch_up());
  const auto status = sys::stat(path_);
  if (!status) {
    if (status.error().code != Errc::NotFound) return fail(status.error());
    return forget_all();
  }
  if (!has_work_left() && knows(*status)) return log_.sync();
  const bool may_mend = (depth_ == 0 || is_exclusive_) && ::access(path_.c_str(), W_OK) == 0;
  if (!has_work_left() || !may_mend) {
    const auto held = lock(sys::Lock::Shared, Missing::Fail);
    if (!held && held.error().code == Errc::NotFound) return forget_all();
    if (!held) return fail(held.error());
    // Whom we waited for may have been killed in the middle of its work.
    TRY(catch_up());
    if (!has_work_left() || !may_mend) return look();
  }
  const auto held = lock(sys::Lock::Exclusive, Missing::Fail);
  if (!held) return fail(held.error());
  return look();
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
    if (last == std::string("\0\n\n", 3)) holes.push_back({intent.at, end});
  }
  std::sort(holes.begin(), holes.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  return holes;
}

Result<void> MboxMailbox::look() {
  TRY(catch_up());
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
  const auto holes = TRY(find_holes(static_cast<std::uint64_t>(status.st_size)));
  if (!holes.empty() || !TRY(look_at_tail(status))) TRY(look_at_all(status, holes));
  remember(status, when);
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

Result<void> MboxMailbox::look_at_all(const struct ::stat& status,
                                      const std::vector<Range>& holes) {
  has_looked_ = false;
  const std::uint64_t stamp = dovecot_stamp();
  ScanOptions options;
  options.holes = holes;
  Scan all = TRY(scan(fd_, 0, static_cast<std::uint64_t>(status.st_size), options));
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

Result<std::optional<Place>> MboxMailbox::find_place(Uid uid) {
  auto place = places_.find(uid, state().messages.rank(uid));
  if (place) return place;
  TRY(log_.distrust_index());
  forget_look();
  return std::optional<Place>{};
}

// Whether it lies where it is taken to lie: its From_ line, and behind it the next one or the end.
// Who changes flags in the middle may leave the last message where it was, and the length too.
Result<bool> MboxMailbox::lies_at(const Place& place) {
  constexpr std::string_view kFrom = "From ";
  const std::string line = TRY(sys::pread_all(fd_, place.from, place.line_octets));
  if (hash_of(line) != place.from_hash) return false;
  const std::string behind = TRY(sys::pread_all(fd_, place.next(), kFrom.size()));
  return behind == kFrom || (behind.empty() && place.next() >= TRY(size_now()));
}

// Whether it is still the message that was found there. Where only the end of the file was read
// since it changed, all of it is read again, once: another program may have altered it to the octet
// as long as before.
Result<bool> MboxMailbox::is_still_there(const Place& place) {
  if (!TRY(lies_at(place))) return false;
  if (look_.is_tail_only == 0 || read_again_.contains(place.uid)) return true;
  const Entry* entry = state().messages.find(place.uid);
  if (entry == nullptr) entry = state().doomed.find(place.uid);
  const Scan now = TRY(scan(fd_, place.from, place.next(), {}));
  if (entry == nullptr || now.messages.size() != 1) return false;
  const Found& found = now.messages.front();
  const bool is_same = found.fingerprint == entry->key_value && found.from == place.from &&
                       found.header_end == place.header_end && found.end == place.end;
  if (is_same) read_again_.insert(place.uid);
  return is_same;
}

Result<Place> MboxMailbox::locate(Uid uid) {
  if (const auto place = TRY(find_place(uid)); place && has_looked_) {
    const auto status = TRY(sys::fstat(fd_));
    // While we hold it exclusively it changes only by our own append, which moves nothing.
    if (is_exclusive_ || is_as_looked_at(status)) {
      const bool is_sure = look_.is_settled != 0 && look_.is_tail_only == 0;
      if (is_sure || TRY(is_still_there(*place))) return *place;
    }
  }
  if (!is_exclusive_ || session_hold_) {
    TRY(catch_up());
    forget_look();  // all of it
    TRY(look());
  }
  const auto place = TRY(find_place(uid));
  if (!place) return fail(Errc::NotFound, "Message is gone");
  return *place;
}

Result<std::size_t> MboxMailbox::read_content(Uid uid, const Shape& shape, std::uint64_t offset,
                                              std::span<char> into) {
  const auto held = lock(sys::Lock::Shared, Missing::Fail);
  if (!held) return fail(held.error());
  const Place place = TRY(locate(uid));
  const Shape today = shape_of(place);
  const std::uint64_t size = shape.header + shape.body;
  if (offset >= size) return std::size_t{0};
  // Flags that another session has folded in meanwhile alter the header's length; the body is the
  // same one behind it.
  if (today.body != shape.body || (today.header != shape.header && offset < shape.header)) {
    return fail(Errc::Unavailable, "Message was altered while it was read",
                log::escape(path_) + ": UID " + std::to_string(uid.value) + " has another length");
  }
  const auto count = std::min<std::uint64_t>(into.size(), size - offset);
  const std::uint64_t at = place.content() + offset + today.header - shape.header;
  return sys::pread(fd_, into.first(static_cast<std::size_t>(count)), at);
}

Result<std::unique_ptr<MessageReader>> MboxMailbox::open(Uid uid, View view) {
  if (!state().messages.contains(uid)) TRY(refresh());
  Shape shape;
  bool has_bookkeeping = false;
  {
    const auto held = lock(sys::Lock::Shared, Missing::Fail);
    if (!held) return fail(held.error());
    const Place place = TRY(locate(uid));
    shape = shape_of(place);
    has_bookkeeping = place.has_bookkeeping != 0;
  }
  auto stored = std::make_unique<ContentReader>(shared_from_this(), uid, shape);
  if (view == View::Stored) return stored;
  // Not before: locate() may have replayed the log anew.
  const Entry* const entry = state().messages.find(uid);
  if (entry == nullptr) return fail(Errc::NotFound, "Message is gone");
  const std::uint64_t wire_size = entry->size;
  std::vector<Range> hidden;
  if (has_bookkeeping) hidden = TRY(find_bookkeeping_fields(*stored));
  return make_wire_view(std::move(stored), std::move(hidden), wire_size);
}

Result<std::string> MboxMailbox::from_line(Uid uid) {
  if (!state().messages.contains(uid)) TRY(refresh());
  const auto held = lock(sys::Lock::Shared, Missing::Fail);
  if (!held) return fail(held.error());
  const Place place = TRY(locate(uid));
  std::string line = TRY(sys::pread_all(fd_, place.from, place.line_octets));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

std::shared_ptr<void> MboxMailbox::hold_for_reading() {
  struct Hold {
    std::shared_ptr<MboxMailbox> box;
    Lock lock;
  };
  auto held = lock(sys::Lock::Shared, Missing::Fail);
  if (!held) return {};
  return std::make_shared<Hold>(Hold{shared_from_this(), *std::move(held)});
}

// procmail, mutt and deliveries wait for the file's lock.
Result<void> MboxMailbox::lock_exclusively() {
  TRY(LoggedMailbox::lock_exclusively());
  if (session_hold_) return {};
  auto held = lock(sys::Lock::Exclusive, Missing::Fail);
  if (!held && held.error().code == Errc::NotFound) return {};  // nothing to hold
  if (!held) return fail(held.error());
  session_hold_.emplace(*std::move(held));
  return {};
}

int MboxMailbox::event_fd() { return watch_.start({path_, log_.path()}); }

}  // namespace mail::store::mbox
