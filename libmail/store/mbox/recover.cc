// Ending a rewrite that a crash or an error has interrupted.
#include <fcntl.h>

#include <algorithm>
#include <chrono>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/mbox/rewrite.h"

namespace mail::store::mbox {
namespace {

// So many octets are not those of another program's message by chance.
constexpr std::uint64_t kNoChance = 16;

// A cut empties the rest of its page, which may be on the disk when power is lost and the file's
// new length is not.
Result<bool> is_cut_in_page(const FileDescriptor& mbox, const Range& hole) {
  constexpr std::uint64_t kPage = 4096;
  const std::uint64_t end = std::min(hole.end, (hole.begin + kPage - 1) / kPage * kPage);
  if (hole.begin >= end) return false;
  const auto rest =
      TRY(sys::pread_all(mbox, hole.begin, static_cast<std::size_t>(end - hole.begin)));
  return rest.find_first_not_of('\0') == std::string::npos;
}

}  // namespace

// The last window recorded; afterwards slot_ is the other one's.
Result<std::optional<WindowRecord>> Rewriter::last_record(const Rewrite& rewrite) {
  std::optional<WindowRecord> last;
  for (std::size_t slot = 0; slot < sides_.size(); ++slot) {
    auto opened = sys::open(side_path(slot), O_RDWR | O_NOFOLLOW);
    if (!opened && opened.error().code == Errc::NotFound) continue;
    if (!opened) return fail(std::move(opened).error());
    sides_.at(slot) = std::move(*opened);
    auto record = TRY(read_record(sides_.at(slot)));
    if (!record || record->id != rewrite.id || rewrite.id == 0) continue;
    if (last && last->count > record->count) continue;
    last = std::move(record);
    slot_ = 1 - slot;
  }
  return last;
}

// Whether the file was given its new length before the first window. Each octet of it is NUL or the
// new one, and not by chance another program's.
Result<bool> Rewriter::is_extended(const Rewrite& rewrite, const WindowRecord& record,
                                   std::uint64_t size, bool is_begun) {
  if (size < rewrite.new_end) return false;
  bool is_proven = is_begun || rewrite.new_end - rewrite.old_end >= kNoChance;
  constexpr std::uint64_t kChunk = 1ULL << 20U;
  for (std::uint64_t at = rewrite.old_end; at < rewrite.new_end; at += kChunk) {
    const auto want = static_cast<std::size_t>(std::min(kChunk, rewrite.new_end - at));
    const std::string now = TRY(sys::pread_all(mbox_, at, want));
    for (std::size_t i = 0; i < now.size(); ++i) {
      const char octet = now.at(i);
      const bool in_window = at + i >= record.at && at + i < record.at + record.length;
      const char fresh =
          in_window ? record.octets.at(static_cast<std::size_t>(at + i - record.at)) : '\0';
      if (octet != '\0' && octet != fresh) return false;
      is_proven = is_proven || octet == '\0';
    }
  }
  return is_proven;
}

Result<Rewriter::Finding> Rewriter::examine(const Rewrite& rewrite, const WindowRecord& record,
                                            std::uint64_t size) {
  const bool grows = rewrite.new_end > rewrite.old_end;
  const Blocks blocks = TRY(compare_blocks(mbox_, record));
  if (grows && record.count == 0 && !TRY(is_extended(rewrite, record, size, blocks.are_begun))) {
    return blocks.are_begun ? Finding::Foreign : Finding::NotBegun;
  }
  if (size < (grows ? rewrite.new_end : record.at + record.length)) return Finding::Foreign;
  if (!blocks.are_old_or_new || TRY(hash_before(mbox_, record)) != record.near_hash) {
    return Finding::Foreign;
  }
  if (record.probe.begin == record.probe.end) return Finding::Redo;
  const bool is_as_noted = size >= record.probe.end && TRY(hash_range(mbox_, record.probe))
  == record.probe_hash;
  if (!record.is_last) return is_as_noted ? Finding::Redo : Finding::Foreign;
  // Either it was cut, and others may have appended since, or it is all there.
  if (!is_as_noted && size != record.hole.end) return Finding::RedoIsCut;
  if (!is_as_noted) {
    return TRY(is_cut_in_page(mbox_, record.hole))
    ? Finding::Redo : Finding::Foreign;
  }
  return size >= record.hole.end ? Finding::Redo : Finding::Foreign;
}

// The octets once more even where they are seen to stand: a sync may have failed.
Result<void> Rewriter::redo(const WindowRecord& record, Finding finding, std::uint64_t size) {
  TRY(sys::pwrite_all(mbox_, record.octets, record.at));
  Range hole = finding == Finding::RedoIsCut ? Range{} : record.hole;
  if (record.is_last && hole.begin < hole.end && size == hole.end) {
    TRY(sys::truncate(mbox_, hole.begin));
    hole = {};
  }
  TRY(sys::fdatasync(mbox_, path_));
  return hole.begin < hole.end ? close_hole(hole) : finish({}, true);
}

// What stands behind it moves down: the octets of other programs as well as ours.
Result<void> Rewriter::close_hole(Range hole) {
  return run({{hole.begin, hole.end, {}}}, Direction::Left, {});
}

// NUL is ours; nobody else's message begins with it.
Result<void> Rewriter::take_back_extension(const Rewrite& rewrite, std::uint64_t size) {
  std::uint64_t end = rewrite.old_end;
  const std::uint64_t most = std::min(size, rewrite.new_end);
  while (end < most) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(most - end, 1U << 20U));
    const std::string octets = TRY(sys::pread_all(mbox_, end, want));
    const auto other = octets.find_first_not_of('\0');
    end += std::min(other, octets.size());
    if (other != std::string::npos) break;
  }
  if (end <= rewrite.old_end) return finish({}, true);
  return close_hole({rewrite.old_end, end});
}

Result<void> Rewriter::set_aside() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const std::string time =
      std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
  std::string names;
  for (std::size_t slot = 0; slot < sides_.size(); ++slot) {
    if (!sides_.at(slot).is_open()) continue;
    const std::string aside = log_.path() + ".damaged-" + time + (slot == 0 ? "" : "-2");
    TRY(sys::rename(side_path(slot), aside));
    names += (names.empty() ? "" : " and ") + log::escape(aside);
    sides_.at(slot).reset();
  }
  log::error(
      "mailbox " + log::escape(path_) +
      ": another program changed it in the middle of our rewrite; it is left as it is, and " +
      (names.empty() ? "nothing is known of what was to be written"
                     : "what was to be written is set aside as " + names));
  TRY(sys::fsync_directory(parent_directory(log_.path())));
  return finish({}, true);
}

Result<void> Rewriter::recover() {
  const Rewrite rewrite = *log_.state().rewrite;
  TRY(log_.sync());
  is_open_ = true;
  const auto status = TRY(sys::fstat(mbox_));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const auto record = TRY(last_record(rewrite));
  if (!record && rewrite.windows == 1) return finish({}, true);  // see finish()
  if (!record || status.st_ino != rewrite.inode) return set_aside();
  const Finding finding = TRY(examine(rewrite, *record, size));
  if (finding == Finding::Foreign) return set_aside();
  if (finding == Finding::NotBegun) return take_back_extension(rewrite, size);
  return redo(*record, finding, size);
}

}  // namespace mail::store::mbox
