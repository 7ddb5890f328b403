#include "libmail/store/mbox/mailbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "libmail/base/log.h"
#include "libmail/message/from_line.h"
#include "libmail/store/mbox/cache.h"

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

MboxMailbox::Shape shape_of(const Found& found) {
  return {found.header_end - found.content, found.end - found.header_end};
}

bool same_time(const struct ::timespec& a, const struct ::timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

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

MboxMailbox::MboxMailbox(std::string path, std::string log_path, std::string cache_path,
                         const Settings& settings)
    : LoggedMailbox(std::move(log_path), settings),
      path_(std::move(path)),
      cache_path_(std::move(cache_path)) {}

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
  std::shared_ptr<void> extra;
  if (kind == sys::Lock::Exclusive && settings_.extra_lock) {
    extra = TRY(settings_.extra_lock(path_));
  }
  for (;;) {
    if (!fd_.is_open() || (kind == sys::Lock::Exclusive && !is_writable_)) {
      TRY(open_file(kind, missing));
    }
    TRY(sys::lock(fd_, kind, settings_.lock_timeout, path_));
    // Whoever replaced the file while we waited has a lock on another one than ours.
    const auto named = sys::stat(path_);
    if (!named && named.error().code != Errc::NotFound) {
      release_lock(fd_);
      return fail(named.error());
    }
    const auto ours = TRY(sys::fstat(fd_));
    if (named && named->st_ino == ours.st_ino && named->st_dev == ours.st_dev) {
      is_exclusive_ = kind == sys::Lock::Exclusive;
      extra_lock_ = std::move(extra);
      return Lock{*this};
    }
    fd_.reset();
    if (!named && missing == Missing::Fail) return fail(named.error());
  }
}

void MboxMailbox::release() {
  if (--depth_ > 0) return;
  release_lock(fd_);
  is_exclusive_ = false;
  extra_lock_.reset();
}

bool MboxMailbox::is_as_looked_at(const struct ::stat& status) const {
  return has_looked_ && status.st_ino == looked_.st_ino && status.st_dev == looked_.st_dev &&
         status.st_size == looked_.st_size && same_time(status.st_mtim, looked_.st_mtim) &&
         same_time(status.st_ctim, looked_.st_ctim);
}

Result<void> MboxMailbox::refresh() {
  watch_.look({path_, log_.path()});
  TRY(log_.catch_up());
  const auto status = sys::stat(path_);
  if (!status) {
    if (status.error().code != Errc::NotFound) return fail(status.error());
    return forget_all();
  }
  if (!has_work_left() && is_settled_ && is_as_looked_at(*status) &&
      state().uid_validity.value != 0) {
    return log_.sync();
  }
  const bool may_raise = depth_ == 0 || is_exclusive_;
  if (has_work_left() && may_raise && ::access(path_.c_str(), W_OK) == 0) {
    const auto held = lock(sys::Lock::Exclusive, Missing::Fail);
    if (!held) return fail(held.error());
    return look();
  }
  const auto held = lock(sys::Lock::Shared, Missing::Fail);
  if (!held && held.error().code == Errc::NotFound) return forget_all();
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
  found_.clear();
  by_uid_.clear();
  has_looked_ = false;
  fd_.reset();
  const auto guard = TRY(log_.lock());
  Ops ops;
  choose_identity(ops, {});
  if (state().rewrite) ops.rewritten();  // there is nothing to write into any more
  TRY(log_.write(ops, true));
  std::vector<Item*> none;
  return reconcile(none, false);
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
  if (is_exclusive_ && has_work_left()) {
    const auto guard = TRY(log_.lock());
    TRY(resolve_all());
  }
  const auto status = TRY(sys::fstat(fd_));
  if (is_settled_ && is_as_looked_at(status) && state().uid_validity.value != 0) {
    return log_.sync();
  }
  const auto when = std::chrono::system_clock::now();
  // Changed so shortly ago that its times may hide another change: looked at once more when they
  // cannot any longer, not at each call until then. locate() trusts no offset meanwhile.
  if (has_looked_ && is_as_looked_at(status) && state().uid_validity.value != 0 &&
      !store::mbox::is_settled(status, when)) {
    return log_.sync();
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const bool is_first = state().uid_validity.value == 0;  // X-UIDs are to be read: no short cuts
  if (!is_first && !has_looked_ && found_.empty()) {
    if (auto cached = load_cache(cache_path_)) {
      found_ = std::move(cached->messages);
      looked_ = cached->status;
      has_looked_ = true;
      is_settled_ = cached->is_settled;
    }
  }
  const bool is_cached = is_settled_ && is_as_looked_at(status);
  ScanOptions options;
  options.holes = TRY(find_holes(size));
  Scan result;
  bool is_done = is_cached && !is_first && options.holes.empty();
  if (!is_done && !is_first && has_looked_ && !found_.empty() && options.holes.empty() &&
      status.st_ino == looked_.st_ino && status.st_dev == looked_.st_dev &&
      status.st_size > looked_.st_size) {
    // It has grown. If its last message still stands where it stood, the rest is new.
    result = TRY(scan(fd_, found_.back().from, size, options));
    if (!result.messages.empty() && result.messages.front().key == found_.back().key &&
        result.messages.front().from == found_.back().from) {
      found_.pop_back();
      found_.insert(found_.end(), std::make_move_iterator(result.messages.begin()),
                    std::make_move_iterator(result.messages.end()));
      is_done = true;
    }
  }
  if (!is_done) {
    has_looked_ = false;
    result = TRY(scan(fd_, 0, size, options));
    found_ = std::move(result.messages);
  }
  has_looked_ = false;
  {
    const auto guard = TRY(log_.lock());
    Ops ops;
    choose_identity(ops, {result.uid_validity});
    TRY(log_.write(ops, false));
    std::vector<Item*> items;
    items.reserve(found_.size());
    for (Found& found : found_) {
      const auto wished = wished_.find(found.from);
      found.wished = wished == wished_.end() ? nullptr : &wished->second;
      items.push_back(&found);
    }
    // X-UID is believed once, when we know nothing better: anybody may send such a field.
    TRY(reconcile(items, is_first && result.uid_validity != 0));
    if (is_first && result.uid_validity != 0 && result.uid_last >= state().uid_next.value &&
        result.uid_last < UINT32_MAX) {
      Ops next;
      next.uid_next({result.uid_last + 1});
      TRY(log_.write(next, true));
    }
  }
  by_uid_.clear();
  for (std::size_t i = 0; i < found_.size(); ++i) by_uid_[found_.at(i).uid.value] = i;
  looked_ = status;
  has_looked_ = true;
  is_settled_ = store::mbox::is_settled(status, when);
  if (!is_cached && is_settled_) save_cache(cache_path_, {found_, looked_, is_settled_});
  return {};
}

Result<const Found*> MboxMailbox::locate(Uid uid) {
  const auto find = [&]() -> const Found* {
    const auto at = by_uid_.find(uid.value);
    return at == by_uid_.end() ? nullptr : &found_.at(at->second);
  };
  if (const Found* found = find(); found != nullptr && has_looked_) {
    const auto status = TRY(sys::fstat(fd_));
    // While we hold it exclusively it changes only by our own append, which moves nothing.
    if (is_exclusive_ || is_as_looked_at(status)) {
      if (is_settled_ || is_exclusive_) return found;
      const std::string line = TRY(
          sys::pread_all(fd_, found->from, static_cast<std::size_t>(found->content - found->from)));
      if (hash_of(line) == found->from_hash) return found;
    }
  }
  if (!is_exclusive_) {
    TRY(log_.catch_up());
    has_looked_ = false;  // all of it
    TRY(look());
  }
  const Found* found = find();
  if (found == nullptr) return fail(Errc::NotFound, "Message is gone");
  return found;
}

Result<std::size_t> MboxMailbox::read_content(Uid uid, const Shape& shape, std::uint64_t offset,
                                              std::span<char> into) {
  const auto held = lock(sys::Lock::Shared, Missing::Fail);
  if (!held) return fail(held.error());
  const Found* found = TRY(locate(uid));
  const Shape today = shape_of(*found);
  const std::uint64_t size = shape.header + shape.body;
  if (offset >= size) return std::size_t{0};
  // Flags that another session has folded in meanwhile alter the header's length; the body is the
  // same one behind it.
  if (today.body != shape.body || (today.header != shape.header && offset < shape.header)) {
    return fail(Errc::Unavailable, "Message was altered while it was read",
                log::escape(path_) + ": UID " + std::to_string(uid.value) + " has another length");
  }
  const auto count = std::min<std::uint64_t>(into.size(), size - offset);
  const std::uint64_t at = found->content + offset + today.header - shape.header;
  return sys::pread(fd_, into.first(static_cast<std::size_t>(count)), at);
}

Result<std::unique_ptr<MessageReader>> MboxMailbox::open(Uid uid, View view) {
  if (!by_uid_.contains(uid.value) || !state().messages.contains(uid)) TRY(refresh());
  Shape shape;
  bool has_bookkeeping = false;
  {
    const auto held = lock(sys::Lock::Shared, Missing::Fail);
    if (!held) return fail(held.error());
    const Found* found = TRY(locate(uid));
    shape = shape_of(*found);
    has_bookkeeping = found->has_bookkeeping;
  }
  auto stored = std::make_unique<ContentReader>(shared_from_this(), uid, shape);
  if (view == View::Stored) return stored;
  // Not before: locate() may have replayed the log anew.
  const auto entry = state().messages.find(uid);
  if (entry == state().messages.end()) return fail(Errc::NotFound, "Message is gone");
  const std::uint64_t wire_size = entry->second.size;
  std::vector<Range> hidden;
  if (has_bookkeeping) hidden = TRY(find_bookkeeping_fields(*stored));
  return make_wire_view(std::move(stored), std::move(hidden), wire_size);
}

Result<std::string> MboxMailbox::from_line(Uid uid) {
  if (!by_uid_.contains(uid.value)) TRY(refresh());
  const auto held = lock(sys::Lock::Shared, Missing::Fail);
  if (!held) return fail(held.error());
  const Found* found = TRY(locate(uid));
  std::string line =
      TRY(sys::pread_all(fd_, found->from, static_cast<std::size_t>(found->content - found->from)));
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
