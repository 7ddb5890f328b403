#include "libmail/store/mbox/mailbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "libmail/base/log.h"
#include "libmail/store/mbox/read_again.h"

namespace mail::store::mbox {
namespace {

constexpr std::string_view kFrom = "From ";
constexpr std::uint64_t kAhead = 64UL * 1024;  // octets

class ContentReader final : public MessageReader {
 public:
  ContentReader(std::shared_ptr<MboxMailbox> box, Uid uid, MboxMailbox::Shape shape)
      : box_(std::move(box)), uid_(uid), shape_(shape) {}
  [[nodiscard]] std::uint64_t size() const override { return shape_.header + shape_.body; }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    return box_->read_content(uid_, shape_, offset, into);
  }
  Result<std::string_view> peek(std::uint64_t offset, std::size_t octets) override {
    return box_->peek_content(uid_, shape_, offset, octets);
  }

 private:
  std::shared_ptr<MboxMailbox> box_;
  Uid uid_;
  MboxMailbox::Shape shape_;
};

MboxMailbox::Shape shape_of(const Place& place) {
  MboxMailbox::Shape shape{place.header_end - place.content(), place.end - place.header_end};
  (place.header_end == place.end ? shape.header : shape.body) += place.lacks_line_end;
  return shape;
}

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
  if (look_.is_settled == 0) forget_ahead();
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
  adopted_.reset();
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
  doubt_ahead();
  watch_.look({path_, log_.path()});
  TRY(catch_up());
  adopt_look();
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

Result<std::optional<Place>> MboxMailbox::find_place(Uid uid) {
  auto place = places_.find(uid, state().messages.rank(uid));
  if (place) return place;
  TRY(log_.distrust_index());
  forget_look();
  return std::optional<Place>{};
}

// Who holds it for reading reads one message after the other, as a rule; the file changes meanwhile
// by our own append at most, if it is locked exclusively for a change and not for a session.
bool MboxMailbox::may_read_ahead() const { return holds_ > 0 && (!is_exclusive_ || session_hold_); }

// What was read ahead stays right for as long as the file is as looked at, which each hold sees
// anew (locate()), unless a change might not show in the file's times (release()).
void MboxMailbox::forget_ahead() {
  doubt_ahead();
  ahead_.clear();
}

// And within one hold only as long as nobody looks at the file anew.
void MboxMailbox::doubt_ahead() {
  located_.reset();
  fields_ = {};
  is_ahead_sure_ = false;
}

bool MboxMailbox::has_ahead(std::uint64_t begin, std::uint64_t end) const {
  return begin >= ahead_at_ && end <= ahead_at_ + ahead_.size();
}

// Octets [begin, end) of the file, fewer where it ends. If those before were read just now, many of
// those behind are read with them. Empty: too many, or not to be read ahead; read them yourself.
Result<std::string_view> MboxMailbox::read_ahead(std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kNear = 512;  // a From_ line that nobody asked for
  if (!may_read_ahead() || begin == end || end - begin >= kAhead) return std::string_view{};
  if (!has_ahead(begin, end)) {
    const bool follows = begin >= ahead_at_ && begin <= ahead_at_ + ahead_.size() + kNear;
    is_ahead_sure_ = false;
    ahead_at_ = begin;
    ahead_.resize(follows ? kAhead : end - begin);  // as long as it was, as a rule
    const auto got = sys::pread(fd_, ahead_, begin);
    ahead_.resize(got.value_or(0));
    if (!got) return fail(got.error());
  }
  return std::string_view{ahead_}.substr(begin - ahead_at_, end - begin);
}

// Whether it lies where it is taken to lie: its From_ line, and behind it the next one or the end.
// Who changes flags in the middle may leave the last message where it was, and the length too.
// `ahead`: its octets and those behind it, if they have been read.
Result<bool> MboxMailbox::lies_at(const Place& place, std::string_view ahead) {
  if (!ahead.empty()) {
    if (hash_of(ahead.substr(0, place.line_octets)) != place.from_hash) return false;
    const std::size_t octets = place.next() - place.from;
    if (ahead.size() > octets) return ahead.substr(octets) == kFrom;
    return ahead.size() == octets && place.next() >= TRY(size_now());
  }
  const std::string line = TRY(sys::pread_all(fd_, place.from, place.line_octets));
  if (hash_of(line) != place.from_hash) return false;
  const std::string behind = TRY(sys::pread_all(fd_, place.next(), kFrom.size()));
  return behind == kFrom || (behind.empty() && place.next() >= TRY(size_now()));
}

// Whether it is still the message that was found there. Where only the end of the file was read
// since it changed, all of it is read again, once: another program may have altered it to the octet
// as long as before.
Result<bool> MboxMailbox::is_still_there(const Place& place) {
  const auto ahead = TRY(read_ahead(place.from, place.next() + kFrom.size()));
  if (!TRY(lies_at(place, ahead))) return false;
  if (look_.is_tail_only == 0 || read_again_.contains(place.uid)) return true;
  const Entry* entry = state().messages.find(place.uid);
  if (entry == nullptr) entry = state().doomed.find(place.uid);
  const auto octets = ahead.substr(0, static_cast<std::size_t>(place.next() - place.from));
  auto again = TRY(read_again(fd_, place, octets));
  if (!again || entry == nullptr || again->fingerprint != entry->key_value) return false;
  fields_ = {place.uid, std::move(again->bookkeeping)};
  read_again_.insert(read_again_.end(), place.uid);
  return true;
}

// Whether the file is as it was at the look, as far as that message goes. What was read ahead
// before the last time that it was is not looked at again in the same hold.
Result<bool> MboxMailbox::is_unchanged(const Place& place) {
  // While we hold it exclusively it changes only by our own append, which moves nothing.
  if (is_exclusive_) return true;
  if (is_ahead_sure_ && has_ahead(place.from, place.next() + kFrom.size())) return true;
  const auto status = TRY(sys::fstat(fd_));
  const bool is_same = is_as_looked_at(status);
  is_ahead_sure_ = is_same && may_read_ahead();
  return is_same;
}

Result<Place> MboxMailbox::locate(Uid uid) {
  if (located_ && located_->uid == uid && may_read_ahead()) return *located_;
  if (const auto place = TRY(find_place(uid)); place && has_looked_) {
    if (TRY(is_unchanged(*place))) {
      const bool was_read = look_.is_tail_only == 0 || read_again_.contains(uid);
      if ((was_read && look_.is_settled != 0) || TRY(is_still_there(*place))) {
        if (may_read_ahead()) located_ = place;
        return *place;
      }
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

// Where these octets of its content lie now, under the file's lock; empty behind its end.
Result<MboxMailbox::Piece> MboxMailbox::piece_of(Uid uid, const Shape& shape, std::uint64_t offset,
                                                 std::size_t octets) {
  const Place place = TRY(locate(uid));
  const Shape today = shape_of(place);
  const std::uint64_t size = shape.header + shape.body;
  if (offset >= size) return Piece{};
  // Flags that another session has folded in meanwhile alter the header's length; the body is the
  // same one behind it.
  if (today.body != shape.body || (today.header != shape.header && offset < shape.header)) {
    return fail(Errc::Unavailable, "Message was altered while it was read",
                log::escape(path_) + ": UID " + std::to_string(uid.value) + " has another length");
  }
  const std::uint64_t at = place.content() + offset + today.header - shape.header;
  const std::uint64_t end = at + std::min<std::uint64_t>(octets, size - offset);
  const bool adds_line_end = place.lacks_line_end != 0 && end > place.end;
  return Piece{{at, adds_line_end ? place.end : end}, adds_line_end};
}

Result<std::size_t> MboxMailbox::read_content(Uid uid, const Shape& shape, std::uint64_t offset,
                                              std::span<char> into) {
  const auto held = lock(sys::Lock::Shared, Missing::Fail);
  if (!held) return fail(held.error());
  const auto [range, adds_line_end] = TRY(piece_of(uid, shape, offset, into.size()));
  const auto there = static_cast<std::size_t>(range.end - range.begin);
  std::size_t got = 0;
  if (const auto ahead = TRY(read_ahead(range.begin, range.end)); !ahead.empty()) {
    got = ahead.copy(into.data(), ahead.size());
  } else {
    got = TRY(sys::pread(fd_, into.first(there), range.begin));
  }
  if (adds_line_end && got == there) into[got++] = '\n';
  return got;
}

Result<std::string_view> MboxMailbox::peek_content(Uid uid, const Shape& shape,
                                                   std::uint64_t offset, std::size_t octets) {
  if (octets >= kAhead || !may_read_ahead()) return std::string_view{};
  const auto held = lock(sys::Lock::Shared, Missing::Fail);
  if (!held) return fail(held.error());
  const Piece piece = TRY(piece_of(uid, shape, offset, octets));
  return read_ahead(piece.range.begin, piece.range.end);
}

Result<std::unique_ptr<MessageReader>> MboxMailbox::open(Uid uid, View view) {
  TRY(load());
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
  const std::uint64_t wire_size = entry->size;  // all are measured
  std::vector<Range> hidden;
  if (has_bookkeeping && fields_.uid == uid) hidden = std::exchange(fields_, {}).bookkeeping;
  if (has_bookkeeping && hidden.empty()) hidden = TRY(find_bookkeeping_fields(*stored));
  return make_wire_view(std::move(stored), std::move(hidden), wire_size);
}

Result<std::string> MboxMailbox::from_line(Uid uid) {
  TRY(load());
  if (!state().messages.contains(uid)) TRY(refresh());
  const auto held = lock(sys::Lock::Shared, Missing::Fail);
  if (!held) return fail(held.error());
  const Place place = TRY(locate(uid));
  std::string line = TRY(sys::pread_all(fd_, place.from, place.line_octets));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

struct MboxMailbox::Hold {
  Hold(std::shared_ptr<MboxMailbox> of, Lock taken) : box(std::move(of)), lock(std::move(taken)) {
    ++box->holds_;
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    --box->holds_;
    box->doubt_ahead();
  }
  std::shared_ptr<MboxMailbox> box;
  Lock lock;  // released first
};

std::shared_ptr<void> MboxMailbox::hold_for_reading() {
  for (const bool is_first : {true, false}) {
    {
      auto held = lock(sys::Lock::Shared, Missing::Fail);
      if (!held) return {};
      // Who had it before may have been killed in the middle of a rewrite: that is mended first.
      const auto status = sys::fstat(fd_);
      const bool is_known = status && look_.is_settled != 0 && is_as_looked_at(*status);
      const bool may_mend = is_first && depth_ == 1 && !is_exclusive_ && !is_known;
      if (!may_mend || !catch_up() || !state().rewrite) {
        return std::make_shared<Hold>(shared_from_this(), *std::move(held));
      }
    }
    if (!refresh()) return {};
  }
  return {};
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
