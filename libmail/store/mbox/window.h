// Windows of a rewrite in place: what goes where, in an order in which nothing is overwritten that
// is still needed, and the record of one in a side file (docs/mbox.md, "Fold and expunge").
//
// At any time one range of the file, the hole, belongs to nobody: the mailbox is what stands before
// it and what stands behind it. So a rewrite can end after any window, by closing the hole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/store/view.h"

namespace mail::store::mbox {

// Octets [begin, end) become `with`. Ascending, not overlapping.
struct Splice {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string with;
};

struct Piece {  // of the new octets: [begin, end) of the file as it is now, or the literal
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string literal;
};

struct Window {
  std::uint64_t at = 0;
  std::uint64_t length = 0;
  std::vector<Piece> pieces;
  Range hole;            // once the window stands
  bool is_last = false;  // then what is left of the hole reaches to the old end, and is cut off
};

// One pass over the file. A window is never longer than `window` octets and one splice.
struct Pass {
  std::uint64_t old_end = 0;
  std::uint64_t new_end = 0;
  std::vector<Window> windows;  // none: only the end is cut off
};

// All lengths shrink, or stay, up to each point: from the first change on, ascending.
Pass plan_leftwards(const std::vector<Splice>& splices, std::uint64_t size, std::uint64_t window);
// All splices grow: from the new end on, descending.
Pass plan_rightwards(const std::vector<Splice>& splices, std::uint64_t size, std::uint64_t window);

// Takes out of `splices` those that can go into a pass leftwards; the rest all grow, and their
// places are those behind that pass.
std::vector<Splice> take_leftwards(std::vector<Splice>& splices);

// What stands in a side file: facts, new octets, a hash of each old block, all hashed.
struct WindowRecord {
  std::uint64_t id = 0;     // of the rewrite
  std::uint64_t count = 0;  // of its windows before this one
  std::uint64_t at = 0;
  std::uint64_t length = 0;
  Range hole;
  bool is_last = false;
  // Octets behind the hole, or the first to be cut off: whether that has been done, or another
  // program has moved something.
  Range probe;
  std::uint64_t probe_hash = 0;
  std::uint64_t near_hash = 0;  // of what stands before the window
  std::uint64_t split = 0;      // old end of a growing file: no block reaches over it
  std::string octets;
  std::string old_hashes;  // 8 octets each
};

std::string to_octets(const WindowRecord& record);
// Nothing if it is not whole.
Result<std::optional<WindowRecord>> read_record(const FileDescriptor& side);
// Octets that a record of so long a window takes at most.
std::uint64_t record_size(std::uint64_t length);

// The hashes of the blocks of the record's window; what lies behind the end of the file is NUL.
Result<std::string> hash_blocks(const FileDescriptor& fd, const WindowRecord& record);
Result<std::uint64_t> hash_range(const FileDescriptor& fd, Range range);
// What near_hash shall be.
Result<std::uint64_t> hash_before(const FileDescriptor& fd, const WindowRecord& record);

struct Blocks {
  // Each is as it was or as it shall be, but one torn where writing had come to.
  bool are_old_or_new = true;
  bool are_begun = false;  // one before `split` is not as it was
};
Result<Blocks> compare_blocks(const FileDescriptor& fd, const WindowRecord& record);

}  // namespace mail::store::mbox
