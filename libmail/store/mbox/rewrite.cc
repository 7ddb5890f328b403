#include "libmail/store/mbox/rewrite.h"

#include <fcntl.h>

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/hash.h"

namespace mail::store::mbox {
namespace {

constexpr std::uint64_t kBlock = 4096;  // octets; each is found old or new after a crash
constexpr std::uint64_t kChunk = 1ULL << 20U;

// Blocks are pages of the file: what a kill or a power loss leaves is old or new a page at a time.
std::uint64_t block_end(std::uint64_t at, std::uint64_t end) {
  return std::min((at / kBlock + 1) * kBlock, end);
}

std::uint64_t blocks_of(const Rewrite& rewrite) {
  if (rewrite.old_end == rewrite.begin) return 0;
  return (rewrite.old_end - 1) / kBlock - rewrite.begin / kBlock + 1;
}

std::string to_octets(std::uint64_t value) {
  std::string out;
  for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift);
  return out;
}

Result<std::uint64_t> hash_range(const FileDescriptor& fd, std::uint64_t begin, std::uint64_t end) {
  Hasher hasher;
  for (std::uint64_t at = begin; at < end; at += kChunk) {
    const auto want = std::min(kChunk, end - at);
    hasher.update(TRY(sys::pread_all(fd, at, static_cast<std::size_t>(want))));
  }
  return hasher.digest();
}

}  // namespace

std::string Rewriter::side_path(const Rewrite& rewrite) const {
  return log_.path() + ".rewrite-" + std::to_string(rewrite.hash);
}

// The side file: the new octets, one hash of 8 octets for each old block, and one of what is cut
// off.
Result<Rewrite> Rewriter::make_side_file(std::uint64_t begin, std::uint64_t old_end,
                                         const std::vector<Piece>& pieces) {
  const std::string temporary = log_.path() + ".rewrite.new";
  auto side = TRY(sys::open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  auto built = [&]() -> Result<Rewrite> {
    const auto status = TRY(sys::fstat(mbox_));
    Rewrite rewrite{status.st_ino, begin, old_end, begin, 0};
    Hasher hasher;
    std::uint64_t size = 0;
    std::string pending;
    const auto flush = [&]() -> Result<void> {
      hasher.update(pending);
      TRY(sys::pwrite_all(side, pending, size));
      size += pending.size();
      pending.clear();
      return {};
    };
    for (const Piece& piece : pieces) {
      pending += piece.literal;
      for (std::uint64_t at = piece.begin; piece.from != nullptr && at < piece.end;) {
        const auto want = std::min(kChunk, piece.end - at);
        const std::string got =
            TRY(sys::pread_all(*piece.from, at, static_cast<std::size_t>(want)));
        if (got.size() != want) return fail(Errc::InUse, "Mailbox changed while it was read");
        pending += got;
        at += want;
        if (pending.size() >= kChunk) TRY(flush());
      }
    }
    TRY(flush());
    rewrite.new_end = begin + size;
    for (std::uint64_t at = begin; at < old_end; at = block_end(at, old_end)) {
      const auto want = block_end(at, old_end) - at;
      const std::string block = TRY(sys::pread_all(mbox_, at, static_cast<std::size_t>(want)));
      pending += to_octets(hash_of(block));
      if (pending.size() >= kChunk) TRY(flush());
    }
    pending += to_octets(TRY(hash_range(mbox_, std::min(rewrite.new_end, old_end), old_end)));
    TRY(flush());
    rewrite.hash = hasher.digest();
    TRY(sys::fsync(side, temporary));
    TRY(sys::rename(temporary, side_path(rewrite)));
    TRY(sys::fsync_directory(parent_directory(temporary)));
    return rewrite;
  }();
  if (!built) static_cast<void>(sys::unlink(temporary));
  return built;
}

Result<void> Rewriter::copy(const FileDescriptor& side, const Rewrite& rewrite, std::uint64_t begin,
                            std::uint64_t end) {
  while (begin < end) {
    const auto want = std::min(kChunk, end - begin);
    const std::string octets =
        TRY(sys::pread_all(side, begin - rewrite.begin, static_cast<std::size_t>(want)));
    TRY(sys::pwrite_all(mbox_, octets, begin));
    begin += want;
  }
  return {};
}

Result<void> Rewriter::finish(const Rewrite& rewrite, const Ops& finished) {
  Ops ops = finished;
  ops.rewritten();
  TRY(log_.write(ops, true));
  if (auto removed = sys::unlink(side_path(rewrite)); !removed) {
    log::warning(removed.error().log_text);
  }
  return {};
}

Result<void> Rewriter::perform(const Rewrite& rewrite, const Ops& finished) {
  const auto side = TRY(sys::open(side_path(rewrite), O_RDONLY | O_NOFOLLOW));
  if (rewrite.new_end > rewrite.old_end) {
    // The end first: if there is no room nothing has been overwritten yet, and a foreign append
    // after a kill lands behind the new end.
    auto grown =
        copy(side, rewrite, std::max(rewrite.old_end, rewrite.new_end - 2), rewrite.new_end);
    if (grown) grown = copy(side, rewrite, rewrite.old_end, rewrite.new_end);
    if (!grown) {
      TRY(sys::truncate(mbox_, rewrite.old_end));
      Ops cancelled;
      cancelled.rewritten();
      TRY(log_.write(cancelled, true));
      static_cast<void>(sys::unlink(side_path(rewrite)));
      return grown;
    }
  }
  TRY(copy(side, rewrite, rewrite.begin, std::min(rewrite.old_end, rewrite.new_end)));
  if (rewrite.new_end < rewrite.old_end) TRY(sys::truncate(mbox_, rewrite.new_end));
  TRY(sys::fdatasync(mbox_, path_));
  return finish(rewrite, finished);
}

Result<void> Rewriter::apply(const std::vector<Splice>& splices, const Ops& finished) {
  const auto status = TRY(sys::fstat(mbox_));
  const std::uint64_t begin = splices.front().begin;
  std::uint64_t removed = 0;
  std::uint64_t added = 0;
  for (const Splice& splice : splices) {
    removed += splice.end - splice.begin;
    added += splice.with.size();
  }
  // What keeps its length leaves everything behind it where it is.
  const std::uint64_t old_end =
      removed == added ? splices.back().end : static_cast<std::uint64_t>(status.st_size);
  std::vector<Piece> pieces;
  std::uint64_t at = begin;
  for (const Splice& splice : splices) {
    if (splice.begin > at) pieces.push_back({&mbox_, at, splice.begin, {}});
    pieces.push_back({nullptr, 0, 0, splice.with});
    at = splice.end;
  }
  if (old_end > at) pieces.push_back({&mbox_, at, old_end, {}});
  const Rewrite rewrite = TRY(make_side_file(begin, old_end, pieces));
  Ops ops;
  ops.rewrite(rewrite);
  if (auto written = log_.write(ops, true); !written) {
    static_cast<void>(sys::unlink(side_path(rewrite)));
    return written;
  }
  return perform(rewrite, finished);
}

Result<bool> Rewriter::is_whole(const FileDescriptor& side, const Rewrite& rewrite) {
  const auto status = TRY(sys::fstat(side));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size != rewrite.new_end - rewrite.begin + 8 * (blocks_of(rewrite) + 1)) return false;
  return TRY(hash_range(side, 0, size))
  == rewrite.hash;
}

// Every block is the new or the old one, with at most one torn. `tail` is where what other programs
// have appended since then begins.
Result<Rewriter::Finding> Rewriter::examine(const FileDescriptor& side, const Rewrite& rewrite,
                                            std::uint64_t size, std::uint64_t& tail) {
  if (size < std::min(rewrite.old_end, rewrite.new_end)) return Finding::Foreign;
  std::uint64_t hash_at = rewrite.new_end - rewrite.begin;
  bool is_unfinished = false;  // some block is not the new one
  bool is_torn = false;
  const std::uint64_t both_end = std::min(rewrite.old_end, rewrite.new_end);
  for (std::uint64_t at = rewrite.begin; at < both_end; at = block_end(at, rewrite.old_end)) {
    const std::uint64_t end = block_end(at, rewrite.old_end);
    const std::string now = TRY(sys::pread_all(mbox_, at, static_cast<std::size_t>(end - at)));
    const std::string old_hash = TRY(sys::pread_all(side, hash_at, 8));
    hash_at += 8;
    const auto want = static_cast<std::size_t>(std::min(end, rewrite.new_end) - at);
    const std::string fresh = TRY(sys::pread_all(side, at - rewrite.begin, want));
    if (std::string_view{now}.starts_with(fresh)) continue;
    is_unfinished = true;
    if (to_octets(hash_of(now)) == old_hash) continue;
    if (is_torn) return Finding::Foreign;
    is_torn = true;
  }
  if (rewrite.new_end < rewrite.old_end) {
    tail = rewrite.old_end;
    const std::string cut_hash =
        TRY(sys::pread_all(side, rewrite.new_end - rewrite.begin + 8 * blocks_of(rewrite), 8));
    const std::uint64_t now_hash = TRY(hash_range(mbox_, rewrite.new_end, rewrite.old_end));
    const bool is_cut = size < rewrite.old_end || to_octets(now_hash) != cut_hash;
    if (is_cut) return is_unfinished ? Finding::Foreign : Finding::Finished;
    return Finding::Redo;
  }
  // Growing: was the end extended? Then each octet of it is the new one, or NUL where it was torn.
  tail = rewrite.old_end;
  if (rewrite.new_end == rewrite.old_end) {
    tail = size;  // in place: whatever stands behind stays there
    return Finding::Redo;
  }
  const std::uint64_t ours_end = std::min(size, rewrite.new_end);
  bool is_ours = true;
  for (std::uint64_t at = rewrite.old_end; at < ours_end && is_ours; at += kBlock) {
    const auto want = static_cast<std::size_t>(std::min(kBlock, ours_end - at));
    const std::string now = TRY(sys::pread_all(mbox_, at, want));
    const std::string fresh = TRY(sys::pread_all(side, at - rewrite.begin, want));
    is_ours = now.size() == fresh.size() &&
              std::equal(now.begin(), now.end(), fresh.begin(),
                         [](char a, char b) { return a == b || a == '\0'; });
  }
  if (is_ours) {
    tail = ours_end;
  } else if (!is_unfinished) {
    return Finding::Foreign;  // all new, and yet not extended: that was not us
  }
  return Finding::Redo;
}

Result<void> Rewriter::set_aside(const Rewrite& rewrite) {
  const std::string aside = log_.path() + ".damaged-" + std::to_string(rewrite.hash);
  log::error("mailbox " + log::escape(path_) +
             ": another program changed it in the middle of our rewrite; what we were about to "
             "write is set aside as " +
             log::escape(aside));
  if (auto moved = sys::rename(side_path(rewrite), aside);
      !moved && moved.error().code != Errc::NotFound) {
    return moved;
  }
  Ops ops;
  ops.rewritten();
  return log_.write(ops, true);
}

Result<void> Rewriter::recover() {
  const Rewrite rewrite = *log_.state().rewrite;
  TRY(log_.sync());
  const auto status = TRY(sys::fstat(mbox_));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  auto side = sys::open(side_path(rewrite), O_RDONLY | O_NOFOLLOW);
  if (!side && side.error().code != Errc::NotFound) return fail(side.error());
  if (!side || status.st_ino != rewrite.inode || !TRY(is_whole(*side, rewrite))) {
    return set_aside(rewrite);
  }
  std::uint64_t tail = size;
  const Finding finding = TRY(examine(*side, rewrite, size, tail));
  if (finding == Finding::Foreign) return set_aside(rewrite);
  if (finding == Finding::Finished) {
    TRY(sys::fdatasync(mbox_, path_));
    return finish(rewrite, {});
  }
  if (tail >= size) return perform(rewrite, {});
  // Others have appended: their octets become part of a rewrite anew, which the log takes over in
  // one line; the old side file is not needed once that stands.
  const std::vector<Piece> pieces{{&*side, 0, rewrite.new_end - rewrite.begin, {}},
                                  {&mbox_, tail, size, {}}};
  const Rewrite again = TRY(make_side_file(rewrite.begin, size, pieces));
  Ops ops;
  ops.rewrite(again);
  TRY(log_.write(ops, true));
  static_cast<void>(sys::unlink(side_path(rewrite)));
  return perform(again, {});
}

}  // namespace mail::store::mbox
