#include "libmail/store/state_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <thread>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/hash.h"

namespace mail::store {

void let_validity_pass(const std::string& log_path) {
  const SystemClock clock;
  StateLog log{log_path, clock, {}};
  if (!log.catch_up()) return;
  const WallTime next{std::chrono::seconds(std::uint64_t{log.state().uid_validity.value} + 1)};
  const auto left = next - clock.now();
  if (left > left.zero() && left <= std::chrono::seconds(1)) std::this_thread::sleep_for(left);
}
namespace {

constexpr std::size_t kSumDigits = 8;
constexpr std::size_t kFirstRead = 8UL * 1024;
constexpr std::size_t kChunk = 256UL * 1024;
constexpr std::size_t kMaxLine = 256UL << 20U;  // octets; a change of a million messages is 60 MB
constexpr std::uint64_t kTail = 64;  // octets of the log by which an index knows it again
constexpr std::uint64_t kWorthwhile = 16UL * 1024;    // octets of a log that are replayed as fast
constexpr std::uint64_t kFloorAhead = 3'600'000'000;  // microseconds: an hour

std::string checksum(std::string_view text) {
  auto value = static_cast<std::uint32_t>(hash_of(text));
  std::string digits(kSumDigits, '0');
  for (auto at = digits.rbegin(); at != digits.rend(); ++at, value >>= 4U) {
    *at = "0123456789abcdef"[value & 0xfU];
  }
  return digits;
}

std::string framed(std::string_view line) {
  std::string out;
  out.reserve(kSumDigits + 1 + line.size() + 1);
  (((out += checksum(line)) += ' ') += line) += '\n';
  return out;
}

std::string read_boot_id() {
  auto text = sys::read_file("/proc/sys/kernel/random/boot_id");
  return text ? std::string(ascii::trim(*text)) : std::string("unknown");
}

// The same as long as this process lives.
const std::string& boot_id() {
  static const std::string id = read_boot_id();
  return id;
}

std::string new_mailbox_id() {
  std::random_device random;
  std::string octets;
  for (int i = 0; i < 16; ++i) octets += static_cast<char>(random() & 0xffU);
  return "M" + ascii::to_hex(octets);
}

}  // namespace

void release_lock(const FileDescriptor& fd) {
  struct ::flock request {};
  request.l_type = F_UNLCK;
  request.l_whence = SEEK_SET;
  static_cast<void>(::fcntl(fd.get(), F_OFD_SETLK, &request));
}

std::string parent_directory(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> make_private_directories(const std::string& path) {
  if (path.empty() || sys::exists(path)) return {};
  const std::string parent = parent_directory(path);
  if (parent != path) TRY(make_private_directories(parent));
  if (auto made = sys::mkdir(path, 0700); !made && made.error().code != Errc::Exists) return made;
  return sys::fsync_directory(parent);
}

void StateLog::forget() {
  state_ = State{};
  offset_ = 0;
  is_replayed_ = false;
  size_when_compacted_ = 0;
  index_.reset();
  is_damaged_ = false;
  ++lines_read_;
}

Result<bool> StateLog::is_current() {
  if (!fd_.is_open()) return false;
  const auto named = sys::stat(path_);
  if (!named) {
    if (named.error().code == Errc::NotFound) return false;
    return fail(named.error());
  }
  const auto ours = TRY(sys::fstat(fd_));
  return named->st_ino == ours.st_ino && named->st_dev == ours.st_dev;
}

Result<void> StateLog::open_and_lock(std::chrono::milliseconds limit) {
  for (;;) {
    if (!TRY(is_current())) {
      forget();
      auto opened = sys::open(path_, O_RDWR | O_NOFOLLOW);
      if (!opened && opened.error().code == Errc::NotFound) {
        if (!mailbox_id_.empty()) return fail(lost());
        TRY(make_private_directories(parent_directory(path_)));
        opened = sys::open(path_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
      }
      if (!opened) return fail(opened.error());
      fd_ = std::move(*opened);
    }
    TRY(sys::lock(fd_, sys::Lock::Exclusive, limit, path_));
    if (TRY(is_current())) return {};
    release_lock(fd_);
  }
}

Result<StateLog::Guard> StateLog::lock() { return lock_within(options_.lock_timeout); }
Result<StateLog::Guard> StateLog::try_lock() { return lock_within({}); }

Result<StateLog::Guard> StateLog::lock_within(std::chrono::milliseconds limit) {
  if (depth_ > 0) return Guard{*this};
  TRY(open_and_lock(limit));
  Guard guard{*this};
  TRY(replay());
  TRY(check_identity());
  const auto status = TRY(sys::fstat(fd_));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  // A half-written last line was never acknowledged. Nobody is writing it: we hold the lock.
  if (size > offset_) TRY(sys::truncate(fd_, offset_));
  if (state_.mailbox_id.empty()) TRY(begin_log());  // new, or that line is damaged
  return guard;
}

// The directory is durable before the first line, so whoever finds a line may rely on the name.
Result<void> StateLog::begin_log() {
  TRY(sys::fsync_directory(parent_directory(path_)));
  Ops ops;
  ops.header();
  ops.mailbox_id(new_mailbox_id());
  ops.boot(boot_id());
  TRY(write(ops, false));
  mailbox_id_ = state_.mailbox_id;
  return {};
}

Error StateLog::lost() const {
  return make_error(Errc::Corrupt, "Mailbox was replaced",
                    "state log " + log::escape(path_) + " is another's, or gone, under a session");
}

// With another log come other UIDs: who has been told those of the first must not name any message
// by them. A compacted one is the same.
Result<void> StateLog::check_identity() {
  if (mailbox_id_.empty()) mailbox_id_ = state_.mailbox_id;
  if (state_.mailbox_id.empty() || (state_.mailbox_id == mailbox_id_ && is_as_told())) return {};
  forget();
  return fail(lost());
}

void StateLog::uids_are_told() {
  if (told_validity_.value == 0) told_validity_ = state_.uid_validity;
}

bool StateLog::is_as_told() const {
  return told_validity_.value == 0 || told_validity_ == state_.uid_validity;
}

void StateLog::release() {
  if (--depth_ == 0) release_lock(fd_);
}

Result<void> StateLog::catch_up() {
  if (depth_ > 0) return {};
  if (!TRY(is_current())) {
    forget();
    fd_.reset();
    auto opened = sys::open(path_, O_RDWR | O_NOFOLLOW);
    if (!opened && opened.error().code == Errc::NotFound) return {};
    if (!opened) return fail(opened.error());
    fd_ = std::move(*opened);
  }
  TRY(replay());
  return check_identity();
}

// Who made an index had made the log durable up to there first. Another boot may have lost some of
// that all the same: then the log is shorter, or other octets stand there.
Result<LogPosition> StateLog::position() const {
  const auto status = TRY(sys::fstat(fd_));
  LogPosition now{status.st_dev, status.st_ino, offset_, 0};
  const std::uint64_t begin = offset_ - std::min(offset_, kTail);
  now.tail_hash =
      hash_of(TRY(sys::pread_all(fd_, begin, static_cast<std::size_t>(offset_ - begin))));
  return now;
}

void StateLog::take_index(std::shared_ptr<const Index> index) {
  auto state = read_state(index);
  if (!state || (wants_messages_ && !state->messages.load())) return;
  state_ = *std::move(state);
  index_ = std::move(index);
}

// Instead of replaying the log from its beginning.
void StateLog::begin_with_index() {
  if (offset_ > 0 || options_.index_path.empty() || is_index_distrusted_) return;
  auto index = Index::open(options_.index_path);
  if (!index) return;
  const LogPosition& covered = index->header().log;
  offset_ = covered.offset;
  const auto now = position();
  offset_ = 0;
  const bool is_same = now && now->device == covered.device && now->inode == covered.inode &&
                       now->tail_hash == covered.tail_hash;
  if (!is_same) return;
  const auto status = sys::fstat(fd_);
  if (!status || static_cast<std::uint64_t>(status->st_size) < covered.offset) return;
  take_index(std::move(index));
  if (index_) offset_ = covered.offset;
}

Result<void> StateLog::distrust_index() {
  is_index_distrusted_ = true;
  log::warning("index " + log::escape(options_.index_path) + " is damaged; it will be made anew");
  forget();
  if (!fd_.is_open()) return {};
  return replay();
}

Result<void> StateLog::load_messages() {
  wants_messages_ = true;
  if (state_.messages.load()) return {};
  return distrust_index();
}

Result<void> StateLog::load_names() {
  TRY(load_messages());
  if (state_.names.load()) return {};
  return distrust_index();
}

Result<const Entry*> StateLog::fetch(Uid uid) {
  if (!state_.messages.fetch(uid)) TRY(distrust_index());
  return state_.messages.find(uid);
}

Result<std::optional<std::size_t>> StateLog::first_unseen() {
  if (auto first = state_.messages.first_unseen()) return first;
  TRY(distrust_index());
  return state_.messages.first_unseen();
}

Result<std::string> StateLog::word_of(Uid uid) {
  for (bool again = false;; again = true) {
    const Entry* const entry = state_.messages.find(uid);
    if (entry == nullptr) return fail(Errc::NotFound, "Message is gone");
    auto word = state_.word_of(entry->key());
    if (word || again) return word;
    TRY(distrust_index());
  }
}

bool StateLog::is_index_behind() const {
  if (options_.index_path.empty()) return false;
  const std::uint64_t covered = index_ ? index_->header().log.offset : 0;
  const std::uint64_t octets = index_ ? index_->header().octets : 0;
  return offset_ - std::min(offset_, covered) > kWorthwhile + octets / 16;
}

Result<void> StateLog::save_index(const std::function<void(IndexWriter& writer)>& put_format) {
  if (options_.index_path.empty() || !fd_.is_open()) return {};
  TRY(load_names());
  TRY(sync());
  IndexHeader header;
  header.log = TRY(position());
  IndexWriter writer{options_.index_path};
  write_state(state_, writer, header);
  put_format(writer);
  header.format = writer.end_section();
  TRY(writer.finish(header));
  is_index_distrusted_ = false;
  auto index = Index::open(options_.index_path);
  if (index && index->header().log.offset == header.log.offset &&
      index->header().log.inode == header.log.inode) {
    take_index(std::move(index));
  }
  return {};
}

Result<void> StateLog::replay() {
  begin_with_index();
  std::string buffer;
  std::uint64_t read_upto = offset_;
  for (;;) {
    const std::size_t have = buffer.size();
    // Most often there is nothing new, or a line.
    buffer.resize(have + (read_upto == offset_ ? kFirstRead : kChunk));
    const std::size_t got = TRY(sys::pread(fd_, std::span(buffer).subspan(have), read_upto));
    buffer.resize(have + got);
    read_upto += got;
    std::size_t begin = 0;
    for (;;) {
      const auto end = buffer.find('\n', begin);
      if (end == std::string::npos) break;
      const auto line = std::string_view{buffer}.substr(begin, end - begin);
      begin = end + 1;
      const bool whole = line.size() > kSumDigits && line.at(kSumDigits) == ' ' &&
                         checksum(line.substr(kSumDigits + 1)) == line.substr(0, kSumDigits);
      if (whole && !state_.fetch(line.substr(kSumDigits + 1))) return distrust_index();
      if (!whole || !state_.apply(line.substr(kSumDigits + 1))) {
        log::warning("state log " + log::escape(path_) + ": damaged line at octet " +
                     std::to_string(offset_) + " passed over");
        is_damaged_ = true;
        skip_lost_uids(line.size());
      }
      offset_ += line.size() + 1;
      ++lines_read_;
      needs_sync_ = true;
    }
    buffer.erase(0, begin);
    if (got == 0 || buffer.size() > kMaxLine) break;
  }
  is_replayed_ = true;
  return {};
}

// A damaged line may have given UIDs, and a client may have seen them: they are never given again.
// Any number of readers come to the same result.
void StateLog::skip_lost_uids(std::size_t octets) {
  constexpr std::size_t kLeast = sizeof(" k -") - 1;  // of "uids"
  const auto most = static_cast<std::uint32_t>(std::min<std::size_t>(octets / kLeast, 1U << 24U));
  const std::uint32_t room = UINT32_MAX - 1 - std::min(state_.uid_next.value, UINT32_MAX - 1);
  state_.uid_next.value += std::min(most, room);
}

// Roughly, in octets. Not asked of the last compaction alone: that may be another process's.
std::uint64_t StateLog::size_if_compacted() const {
  constexpr std::uint64_t kLine = 100;
  const std::size_t lines = state_.messages.size() + state_.doomed.size() + state_.done.size();
  return std::max(size_when_compacted_, lines * kLine);
}

Result<void> StateLog::write(const Ops& ops, bool durable) {
  if (ops.empty()) return {};
  if (!is_replayed_) TRY(replay());
  if (!state_.fetch(ops.line())) TRY(distrust_index());
  const std::string line = framed(ops.line());
  auto written = sys::pwrite_all(fd_, line, offset_);
  if (written && durable) written = sys::fdatasync(fd_, path_);
  if (!written) {
    static_cast<void>(sys::truncate(fd_, offset_));
    return written;
  }
  needs_sync_ = needs_sync_ && !durable;
  offset_ += line.size();
  state_.apply(ops.line());
  if (offset_ > options_.compact_above && offset_ > 3 * size_if_compacted()) {
    // The line stands; a compaction that fails is tried again with the next one.
    if (auto compacted = compact(); !compacted) {
      log::warning("state log " + log::escape(path_) + ": " + compacted.error().log_text);
      size_when_compacted_ = offset_;
    }
  }
  return {};
}

Result<void> StateLog::sync() {
  if (!needs_sync_ || !fd_.is_open()) return {};
  TRY(sys::fdatasync(fd_, path_));
  needs_sync_ = false;
  return {};
}

Result<void> StateLog::sync_own() {
  needs_sync_ = true;
  return sync();
}

Result<void> StateLog::compact() {
  TRY(load_names());
  const std::string temporary = path_ + ".new";
  auto fresh = TRY(sys::open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  TRY(sys::lock(fresh, sys::Lock::Exclusive, options_.lock_timeout, temporary));
  const auto now = clock_.now().time_since_epoch() / std::chrono::seconds(1);
  const auto keep = std::chrono::duration_cast<std::chrono::seconds>(options_.keep_ids).count();
  std::string text;
  std::uint64_t size = 0;
  const auto flush = [&]() -> Result<void> {
    TRY(sys::pwrite_all(fresh, text, size));
    size += text.size();
    text.clear();
    return {};
  };
  Result<void> flushed;
  put_lines(state_, static_cast<std::uint64_t>(now), static_cast<std::uint64_t>(keep),
            [&](const std::string& line) {
              text += framed(line);
              if (text.size() > kChunk && flushed) flushed = flush();
            });
  TRY(std::move(flushed));
  TRY(flush());
  TRY(sys::fsync(fresh, temporary));
  if (is_damaged_) {  // what could not be read is kept for a person to look at
    const auto seconds = std::to_string(now);
    static_cast<void>(sys::link(path_, path_ + ".damaged-" + seconds));
  }
  TRY(sys::rename(temporary, path_));
  // From here on the old file has no name: go on with the new one whatever happens.
  fd_ = std::move(fresh);
  offset_ = size_when_compacted_ = size;
  index_.reset();  // of the old one
  is_damaged_ = false;
  ++lines_read_;
  return sys::fsync_directory(parent_directory(path_));
}

void StateLog::remember(Uid uid, const Measure& measure) {
  const Entry* const found = state_.messages.find(uid);  // whoever measured it has loaded them
  if (found == nullptr) return;
  Entry entry = *found;
  entry.set_measure(measure);
  state_.messages.put(entry);
}

ModSeq StateLog::next_modseq(Ops& ops) {
  ModSeq last = state_.last;
  const std::string& boot = boot_id();
  if (boot != state_.boot) {
    // Lines of before may be lost with the power: go above anything they may have told.
    last = std::max(last, state_.floor);
    ops.boot(boot);
  }
  const auto now = clock_.now().time_since_epoch().count();
  const auto micros = now > 0 ? static_cast<std::uint64_t>(now) : 0;
  const ModSeq next{std::max(last.value + 1, micros)};
  if (next > state_.floor) ops.floor(ModSeq{next.value + kFloorAhead});
  return next;
}

}  // namespace mail::store
