#include "libmail/store/mbox/window.h"

#include <algorithm>

#include "libmail/base/sys.h"
#include "libmail/store/hash.h"

namespace mail::store::mbox {
namespace {

// What a power loss leaves is old or new a sector at a time, what a kill leaves a page at a time.
constexpr std::uint64_t kBlock = 512;
// A short window has smaller ones, or another program's change would pass for a torn one.
constexpr std::uint64_t kSmallBlock = 64;
constexpr std::uint64_t kShort = 16UL * 1024;
constexpr std::uint64_t kNear = 512;
constexpr std::uint64_t kChunk = 1ULL << 20U;
constexpr std::uint64_t kMaxWindow = 1ULL << 30U;      // octets; a longer one is a damaged record
constexpr std::uint64_t kMagic = 0x3130574b'58424d54;  // "TMBXKW01"
constexpr std::size_t kNumbers = 14;
constexpr std::size_t kHead = kNumbers * 8;

// Calls `on` with begin and end of each block of the window: they lie on the file's own grid.
template <class On>
void for_each_block(const WindowRecord& record, On on) {
  const std::uint64_t stop = record.at + record.length;
  const std::uint64_t size = record.length <= kShort ? kSmallBlock : kBlock;
  for (std::uint64_t begin = record.at; begin < stop;) {
    std::uint64_t end = std::min((begin / size + 1) * size, stop);
    if (begin < record.split) end = std::min(end, record.split);
    on(begin, end);
    begin = end;
  }
}

std::uint64_t blocks_of(const WindowRecord& record) {
  std::uint64_t count = 0;
  for_each_block(record, [&](std::uint64_t, std::uint64_t) { ++count; });
  return count;
}

void put_number(std::string& out, std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift);
}

std::uint64_t get_number(std::string_view octets, std::size_t index) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i > 0; --i) {
    value = value << 8U | static_cast<unsigned char>(octets.at(index * 8 + i - 1));
  }
  return value;
}

// Exactly `length` octets, NUL behind the end of the file.
Result<std::string> read_padded(const FileDescriptor& fd, std::uint64_t at, std::uint64_t length) {
  std::string octets = TRY(sys::pread_all(fd, at, static_cast<std::size_t>(length)));
  octets.resize(static_cast<std::size_t>(length), '\0');
  return octets;
}

}  // namespace

std::vector<Splice> take_leftwards(std::vector<Splice>& splices) {
  std::vector<Splice> taken;
  std::vector<Splice> rest;
  std::uint64_t removed = 0;
  std::uint64_t added = 0;
  for (Splice& splice : splices) {
    const std::uint64_t gone = splice.end - splice.begin;
    if (added + splice.with.size() <= removed + gone) {
      removed += gone;
      added += splice.with.size();
      taken.push_back(std::move(splice));
      continue;
    }
    splice.begin = splice.begin + added - removed;
    splice.end = splice.end + added - removed;
    rest.push_back(std::move(splice));
  }
  splices = std::move(rest);
  return taken;
}

Pass plan_leftwards(const std::vector<Splice>& splices, std::uint64_t size, std::uint64_t window) {
  Pass pass;
  pass.old_end = size;
  std::uint64_t to = 0;
  std::uint64_t from = 0;
  Window now;
  const auto close = [&] {
    now.hole = {to, from};
    if (now.length > 0) pass.windows.push_back(std::move(now));
    now = Window{};
    now.at = to;
  };
  const auto keep = [&](std::uint64_t end) {
    while (from < end) {
      if (to == from && (now.length == 0 || end - from > window)) {  // stays where it is
        close();
        now.at = to = from = end;
        return;
      }
      const auto count = std::min(end - from, window - now.length);
      now.pieces.push_back({from, from + count, {}});
      now.length += count;
      to += count;
      from += count;
      if (now.length >= window) close();
    }
  };
  for (const Splice& splice : splices) {
    keep(splice.begin);
    from = splice.end;
    if (splice.with.empty()) continue;
    now.length += splice.with.size();
    to += splice.with.size();
    now.pieces.push_back({0, 0, splice.with});
    if (now.length >= window) close();
  }
  if (to == from) {
    close();
    pass.new_end = size;
    if (!pass.windows.empty()) pass.windows.back().is_last = true;
    return pass;
  }
  keep(size);
  close();
  pass.new_end = to;
  if (!pass.windows.empty()) {
    pass.windows.back().hole = {to, size};
    pass.windows.back().is_last = true;
  }
  return pass;
}

Pass plan_rightwards(const std::vector<Splice>& splices, std::uint64_t size, std::uint64_t window) {
  Pass pass;
  pass.old_end = pass.new_end = size;
  for (const Splice& splice : splices) {
    pass.new_end += splice.with.size() - (splice.end - splice.begin);
  }
  std::uint64_t to = pass.new_end;
  std::uint64_t from = size;
  Window now;
  const auto close = [&] {
    if (now.length == 0) return;
    std::reverse(now.pieces.begin(), now.pieces.end());
    now.at = to;
    now.hole = {from, to};
    pass.windows.push_back(std::move(now));
    now = Window{};
  };
  const auto keep = [&](std::uint64_t begin) {
    while (from > begin) {
      const auto count = std::min(from - begin, window - now.length);
      now.pieces.push_back({from - count, from, {}});
      now.length += count;
      to -= count;
      from -= count;
      if (now.length >= window) close();
    }
  };
  for (auto splice = splices.rbegin(); splice != splices.rend(); ++splice) {
    keep(splice->end);
    from = splice->begin;
    to -= splice->with.size();
    now.length += splice->with.size();
    now.pieces.push_back({0, 0, splice->with});
    if (now.length >= window) close();
  }
  close();
  if (!pass.windows.empty()) pass.windows.back().is_last = true;
  return pass;
}

std::uint64_t record_size(std::uint64_t length) {
  return kHead + length + 8 * (length / (length <= kShort ? kSmallBlock : kBlock) + 3);
}

std::string to_octets(const WindowRecord& record) {
  std::string body;
  body.reserve(kHead + record.octets.size() + record.old_hashes.size());
  for (const std::uint64_t value :
       {std::uint64_t{0}, kMagic, record.id, record.count, record.at, record.length,
        record.hole.begin, record.hole.end, std::uint64_t{record.is_last ? 1U : 0U},
        record.probe.begin, record.probe.end, record.probe_hash, record.split, record.near_hash}) {
    put_number(body, value);
  }
  body += record.octets;
  body += record.old_hashes;
  std::string hash;
  put_number(hash, hash_of(std::string_view{body}.substr(8)));
  body.replace(0, 8, hash);
  return body;
}

Result<std::optional<WindowRecord>> read_record(const FileDescriptor& side) {
  const std::optional<WindowRecord> none;
  const std::string head = TRY(sys::pread_all(side, 0, kHead));
  if (head.size() != kHead || get_number(head, 1) != kMagic) return none;
  WindowRecord record;
  record.id = get_number(head, 2);
  record.count = get_number(head, 3);
  record.at = get_number(head, 4);
  record.length = get_number(head, 5);
  record.hole = {get_number(head, 6), get_number(head, 7)};
  record.is_last = get_number(head, 8) != 0;
  record.probe = {get_number(head, 9), get_number(head, 10)};
  record.probe_hash = get_number(head, 11);
  record.split = get_number(head, 12);
  record.near_hash = get_number(head, 13);
  if (record.length > kMaxWindow || record.at > UINT64_MAX - kMaxWindow) return none;
  const std::uint64_t want = record.length + 8 * blocks_of(record);
  std::string rest = TRY(sys::pread_all(side, kHead, static_cast<std::size_t>(want)));
  if (rest.size() != want) return none;
  Hasher hasher;
  hasher.update(std::string_view{head}.substr(8));
  hasher.update(rest);
  if (hasher.digest() != get_number(head, 0)) return none;
  record.old_hashes = rest.substr(static_cast<std::size_t>(record.length));
  rest.resize(static_cast<std::size_t>(record.length));
  record.octets = std::move(rest);
  return record;
}

Result<std::string> hash_blocks(const FileDescriptor& fd, const WindowRecord& record) {
  const std::string octets = TRY(read_padded(fd, record.at, record.length));
  std::string hashes;
  for_each_block(record, [&](std::uint64_t begin, std::uint64_t end) {
    put_number(hashes,
               hash_of(std::string_view{octets}.substr(static_cast<std::size_t>(begin - record.at),
                                                       static_cast<std::size_t>(end - begin))));
  });
  return hashes;
}

Result<std::uint64_t> hash_range(const FileDescriptor& fd, Range range) {
  Hasher hasher;
  for (std::uint64_t at = range.begin; at < range.end; at += kChunk) {
    const auto want = std::min(kChunk, range.end - at);
    hasher.update(TRY(sys::pread_all(fd, at, static_cast<std::size_t>(want))));
  }
  return hasher.digest();
}

Result<std::uint64_t> hash_before(const FileDescriptor& fd, const WindowRecord& record) {
  const std::uint64_t length = std::min(record.at, kNear);
  const std::string octets = TRY(read_padded(fd, record.at - length, length));
  return hash_of(octets);
}

Result<Blocks> compare_blocks(const FileDescriptor& fd, const WindowRecord& record) {
  const std::string now = TRY(read_padded(fd, record.at, record.length));
  Blocks blocks;
  std::size_t index = 0;
  bool all_new = true;
  bool is_torn = false;
  for_each_block(record, [&](std::uint64_t begin, std::uint64_t end) {
    const auto offset = static_cast<std::size_t>(begin - record.at);
    const auto count = static_cast<std::size_t>(end - begin);
    const auto block = std::string_view{now}.substr(offset, count);
    const auto fresh = std::string_view{record.octets}.substr(offset, count);
    const bool is_old = hash_of(block) == get_number(record.old_hashes, index++);
    const bool is_new = block == fresh;
    if (begin < record.split && !is_old) blocks.are_begun = true;
    if (is_new || is_old) {
      if (is_torn && !is_old) blocks.are_old_or_new = false;
      all_new = all_new && is_new;
      return;
    }
    // In the middle of a block only where a kill has stopped us: all new before, all old behind.
    if (is_torn || !all_new || block.front() != fresh.front()) blocks.are_old_or_new = false;
    is_torn = true;
    all_new = false;
  });
  return blocks;
}

}  // namespace mail::store::mbox
