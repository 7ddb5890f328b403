#include "libmail/store/mbox/rewrite.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/hash.h"

namespace mail::store::mbox {
namespace {

constexpr std::uint64_t kChunk = 1ULL << 20U;
constexpr std::uint64_t kProbe = 4096;           // octets
constexpr std::uint64_t kSmallestWindow = 4096;  // octets; where there is no room for more
constexpr std::uint64_t kLessRoom = 16;

Result<std::uint64_t> new_id() {
  const std::string octets = TRY(sys::random_octets(8));
  return std::max<std::uint64_t>(1, hash_of(octets));
}

Result<std::uint64_t> size_of(const FileDescriptor& fd) {
  const auto status = TRY(sys::fstat(fd));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> write_nul(const FileDescriptor& fd, std::uint64_t begin, std::uint64_t end) {
  while (begin < end) {
    const auto count = std::min(kChunk, end - begin);
    TRY(sys::pwrite_all(fd, std::string(static_cast<std::size_t>(count), '\0'), begin));
    begin += count;
  }
  return {};
}

bool is_want_of_room(const Error& error) {
  return error.code == Errc::NoSpace || error.code == Errc::OverQuota;
}

}  // namespace

std::string Rewriter::side_path(std::size_t slot) const {
  return log_.path() + (slot == 0 ? ".window" : ".window-2");
}

// Its name is durable before there is an octet in it, and it is never emptied: an empty one's name
// may not be.
Result<const FileDescriptor*> Rewriter::side(std::size_t slot) {
  FileDescriptor& fd = sides_.at(slot);
  if (fd.is_open()) return &fd;
  const std::string path = side_path(slot);
  fd = TRY(sys::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (TRY(size_of(fd)) == 0) TRY(sys::fsync_directory(parent_directory(path)));
  return &fd;
}

// Several windows: from the first one on there must be room for all of them.
Result<void> Rewriter::reserve(const Pass& pass) {
  if (pass.windows.size() < 2) return {};
  std::uint64_t need = 0;
  for (const Window& window : pass.windows) need = std::max(need, record_size(window.length));
  for (std::size_t slot = 0; slot < sides_.size(); ++slot) {
    const FileDescriptor* fd = TRY(side(slot));
    const std::uint64_t have = TRY(size_of(*fd));
    TRY(write_nul(*fd, have, need));
  }
  return {};
}

Result<Pass> Rewriter::plan(const std::vector<Splice>& splices, Direction direction) {
  const std::uint64_t size = TRY(size_of(mbox_));
  for (std::uint64_t window = window_;; window /= kLessRoom) {
    Pass pass = direction == Direction::Left ? plan_leftwards(splices, size, window)
                                             : plan_rightwards(splices, size, window);
    auto reserved = reserve(pass);
    if (reserved) return pass;
    if (!is_want_of_room(reserved.error()) || window / kLessRoom < kSmallestWindow) {
      return fail(std::move(reserved).error());
    }
    if (!is_open_) clear_side_files();
  }
}

Result<WindowRecord> Rewriter::make_record(const Window& window, const Pass& pass) {
  WindowRecord record;
  record.id = id_;
  record.at = window.at;
  record.length = window.length;
  record.hole = window.hole;
  record.is_last = window.is_last;
  record.split = pass.new_end > pass.old_end ? pass.old_end : 0;
  for (const Piece& piece : window.pieces) {
    record.octets += piece.literal;
    const auto want = static_cast<std::size_t>(piece.end - piece.begin);
    const std::string got = TRY(sys::pread_all(mbox_, piece.begin, want));
    if (got.size() != want) return fail(Errc::InUse, "Mailbox changed while it was read");
    record.octets += got;
  }
  record.old_hashes = TRY(hash_blocks(mbox_, record));
  record.near_hash = TRY(hash_before(mbox_, record));
  if (pass.new_end <= pass.old_end && window.hole.begin < window.hole.end) {
    const std::uint64_t from = window.is_last ? window.hole.begin : window.hole.end;
    record.probe = {from, std::min(from + kProbe, pass.old_end)};
    record.probe_hash = TRY(hash_range(mbox_, record.probe));
  }
  return record;
}

Result<void> Rewriter::begin(const Pass& pass) {
  const auto status = TRY(sys::fstat(mbox_));
  Ops ops;
  ops.window({id_, status.st_ino, pass.old_end, pass.new_end, pass.windows.size()});
  TRY(log_.write(ops, true));
  is_open_ = true;
  if (pass.new_end <= pass.old_end) return {};
  // Room for what it grows by, durable: if there is none nothing has been overwritten yet. A
  // foreign append after a kill lands behind the NULs.
  auto extended = write_nul(mbox_, pass.old_end, pass.new_end);
  if (extended) extended = sys::fdatasync(mbox_, path_);
  if (extended) return {};
  TRY(sys::truncate(mbox_, pass.old_end));
  TRY(finish({}, true));
  return extended;
}

Result<void> Rewriter::perform(const Pass& pass) {
  id_ = TRY(new_id());
  for (std::size_t i = 0; i < pass.windows.size(); ++i) {
    WindowRecord record = TRY(make_record(pass.windows.at(i), pass));
    record.count = i;
    const FileDescriptor* fd = TRY(side(slot_));
    TRY(sys::pwrite_all(*fd, to_octets(record), 0));
    TRY(sys::fdatasync(*fd, side_path(slot_)));
    slot_ = 1 - slot_;
    if (i == 0) TRY(begin(pass));
    TRY(sys::pwrite_all(mbox_, record.octets, record.at));
    if (record.is_last && pass.new_end < pass.old_end) TRY(sys::truncate(mbox_, pass.new_end));
    TRY(sys::fdatasync(mbox_, path_));
  }
  return {};
}

Result<void> Rewriter::run(const std::vector<Splice>& splices, Direction direction,
                           const Ops& finished) {
  const Pass pass = TRY(plan(splices, direction));
  if (pass.windows.empty()) return cut(pass, finished);
  auto performed = perform(pass);
  if (!performed) {
    if (!is_open_) clear_side_files();
    return performed;
  }
  return finish(finished, pass.windows.size() > 1);
}

// Nothing moves: one call cuts the end off, or has not done so. But it empties the rest of its page
// as well, which may be on the disk when power is lost and the file's new length is not: the last
// message would go on in NUL, and be another one. So until it is durable what goes is an append
// that has lost its begin.
Result<void> Rewriter::cut(const Pass& pass, const Ops& finished) {
  constexpr std::uint64_t kPage = 4096;
  Ops ops = finished;
  if (pass.new_end < pass.old_end) {
    if (!is_open_ && pass.new_end % kPage != 0) {
      Intent intent;
      intent.id = std::string(kOwnId) + "cut-" + std::to_string(TRY(new_id()));
      intent.inode = TRY(sys::fstat(mbox_))
      .st_ino;
      intent.at = pass.new_end;
      intent.length = pass.old_end - pass.new_end;  // hash 0: it is never whole
      Ops announced;
      announced.intent(intent);
      TRY(log_.write(announced, true));
      ops.abandon(intent.id);
    }
    TRY(sys::truncate(mbox_, pass.new_end));
    TRY(sys::fdatasync(mbox_, path_));
  }
  return finish(ops, false);
}

// The line need not be durable after a single window: it stands in the mbox, and an opener that
// finds no record of it concludes just that.
Result<void> Rewriter::finish(const Ops& finished, bool durable) {
  Ops ops = finished;
  if (is_open_) ops.rewritten();
  TRY(log_.write(ops, durable));
  is_open_ = false;
  clear_side_files();
  return {};
}

void Rewriter::clear_side_files() {
  for (const FileDescriptor& fd : sides_) {
    if (fd.is_open()) static_cast<void>(sys::truncate(fd, 1));
  }
}

Result<void> Rewriter::apply(std::vector<Splice> splices, const Ops& finished) {
  const auto leftwards = take_leftwards(splices);
  if (!leftwards.empty()) {
    TRY(run(leftwards, Direction::Left, splices.empty() ? finished : Ops{}));
  }
  if (!splices.empty()) TRY(run(splices, Direction::Right, finished));
  return {};
}

}  // namespace mail::store::mbox
