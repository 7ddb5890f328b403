#include "libmail/store/message_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <numeric>
#include <random>

#include "libmail/base/sys.h"
#include "libmail/store/hash.h"
#include "libmail/store/index.h"

namespace mail::store {
namespace {

constexpr std::size_t kBlock = 60U << 10U;        // octets of what is kept, about
constexpr std::size_t kMaxPayload = 256U << 10U;  // with the records
constexpr std::size_t kFewBlocks = 16;

struct FileHeader {
  std::array<char, 16> magic{};
  std::uint64_t nonce = 0;  // of this file
  std::uint64_t owner = 0;
  std::uint64_t checksum = 0;  // of what is before it
};
constexpr std::array<char, 16> kMagic{"tubepost cache\1"};

std::uint64_t seeded_hash_of(std::string_view octets, std::uint64_t seed) {
  return XXH3_64bits_withSeed(octets.data(), octets.size(), seed);
}

template <class T>
std::span<char> octets_of(T& record) {
  return Index::as_octets(std::span(&record, 1));
}

// Of all octets but the last eight, where the checksum itself stands.
template <class T>
std::uint64_t checksum_of(T& record, std::uint64_t seed) {
  return seeded_hash_of({octets_of(record).data(), sizeof record - sizeof(std::uint64_t)}, seed);
}

template <class T>
bool read_record(const FileDescriptor& fd, std::uint64_t at, T& record) {
  const auto count = sys::pread(fd, octets_of(record), at);
  return count && *count == sizeof record;
}

// Returns the nonce; nothing: it could not be written.
std::optional<std::uint64_t> put_file_header(const FileDescriptor& fd, std::uint64_t owner) {
  std::random_device random;
  FileHeader header{kMagic, static_cast<std::uint64_t>(random()) << 32U | random(), owner, 0};
  header.checksum = checksum_of(header, 0);
  const auto octets = octets_of(header);
  if (!sys::pwrite_all(fd, std::string_view(octets.data(), octets.size()), 0)) return std::nullopt;
  return header.nonce;
}

}  // namespace

std::string MessageCache::path_for(const std::string& index_path) {
  if (index_path.empty()) return {};
  return index_path.substr(0, index_path.rfind('.')) + ".cache";
}

MessageCache::~MessageCache() {
  if (pending_.empty() && !is_damaged_) return;
  try {
    flush();
    if (is_worth_writing_anew()) write_anew();
  } catch (const std::bad_alloc&) {  // too large for what a session may have: begun anew
    ::unlink(path_.c_str());
  }
}

void MessageCache::belong_to(std::string_view mailbox_id, UidValidity uid_validity,
                             const MessageTable& messages) {
  const std::uint64_t owner = hash_of(mailbox_id) + uid_validity.value;
  messages_ = &messages;
  if (owner == owner_) return;
  owner_ = owner;
  pending_.clear();
  pending_octets_ = 0;
  forget();
}

void MessageCache::forget() {
  has_looked_ = false;
  fd_.reset();
  blocks_.clear();
  end_ = 0;
  for (Loaded& loaded : loaded_) loaded = {};
}

bool MessageCache::open_file(int flags) {
  forget();
  has_looked_ = true;
  auto fd = sys::open(path_, flags | O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return false;
  const auto status = sys::fstat(*fd);
  if (!status || !S_ISREG(status->st_mode)) return false;
  fd_ = *std::move(fd);
  return true;
}

// False: it is another mailbox's, or nobody's.
bool MessageCache::read_file_header() {
  FileHeader header;
  if (!read_record(fd_, 0, header) || header.magic != kMagic || header.owner != owner_ ||
      header.checksum != checksum_of(header, 0)) {
    return false;
  }
  if (nonce_ != header.nonce) {
    blocks_.clear();
    end_ = 0;
    for (Loaded& loaded : loaded_) loaded = {};
  }
  nonce_ = header.nonce;
  end_ = std::max<std::uint64_t>(end_, sizeof header);
  return true;
}

// Those that are not known yet.
void MessageCache::read_blocks() {
  for (;;) {
    Place place;
    place.at = end_;
    BlockHeader& header = place.header;
    if (!read_record(fd_, end_, header)) return;
    if (header.checksum != checksum_of(header, nonce_ + end_)) return;
    if (header.octets > kMaxPayload || header.records > header.octets / sizeof(Record)) return;
    blocks_.push_back(place);
    end_ += sizeof header + header.octets;
  }
}

bool MessageCache::load(const Place& place, Loaded& into) const {
  if (into.at == place.at) return true;
  into = {};
  std::string payload(place.header.octets, '\0');
  const auto count = sys::pread(fd_, payload, place.at + sizeof(BlockHeader));
  if (!count || *count != payload.size() ||
      seeded_hash_of(payload, nonce_ + place.at) != place.header.payload_checksum) {
    return false;
  }
  into.records.resize(place.header.records);
  std::size_t offset = place.header.records * sizeof(Record);
  payload.copy(Index::as_octets(std::span(into.records)).data(), offset);
  into.offsets.reserve(into.records.size());
  for (const Record& record : into.records) {
    into.offsets.push_back(static_cast<std::uint32_t>(offset));
    offset += record.octets;
  }
  if (offset != payload.size()) return false;
  into.payload = std::move(payload);
  into.at = place.at;
  return true;
}

std::optional<std::string_view> MessageCache::find_in(const Loaded& loaded, Uid uid, Kind kind) {
  const auto key = std::pair{uid.value, static_cast<std::uint32_t>(kind)};
  const auto at = std::lower_bound(loaded.records.begin(), loaded.records.end(), key,
                                   [](const Record& r, const auto& k) { return r.key() < k; });
  if (at == loaded.records.end() || at->key() != key) return std::nullopt;
  const auto offset = loaded.offsets.at(static_cast<std::size_t>(at - loaded.records.begin()));
  return std::string_view(loaded.payload).substr(offset, at->octets);
}

std::optional<std::string_view> MessageCache::find(Uid uid, Kind kind) {
  if (path_.empty()) return std::nullopt;
  if (const auto at = pending_.find({uid.value, static_cast<std::uint32_t>(kind)});
      at != pending_.end()) {
    return at->second;
  }
  if (!has_looked_ && open_file(0)) {
    if (!read_file_header()) fd_.reset();
    if (fd_.is_open()) read_blocks();
  }
  // Its neighbour was asked for just now, most often.
  Loaded& loaded = loaded_.at(static_cast<std::size_t>(kind));
  if (const auto found = find_in(loaded, uid, kind)) return found;
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    const BlockHeader& header = blocks_[i].header;
    if (uid.value < header.first_uid || uid.value > header.last_uid) continue;
    if (blocks_[i].at == loaded.at) continue;
    if (!load(blocks_[i], loaded)) {
      is_damaged_ = true;
      blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    if (const auto found = find_in(loaded, uid, kind)) return found;
  }
  return std::nullopt;
}

void MessageCache::add(Uid uid, Kind kind, std::string_view octets) {
  if (path_.empty() || octets.size() > kMaxOctets) return;
  const auto key = std::pair{uid.value, static_cast<std::uint32_t>(kind)};
  if (!pending_.try_emplace(key, octets).second) return;
  pending_octets_ += octets.size() + sizeof(Record);
  if (pending_octets_ >= kBlock) flush();
}

// The file that has the name, and all that is in it; false: somebody writes, or it cannot be had.
bool MessageCache::lock_for_writing() {
  for (int tries = 0; tries < 2; ++tries) {
    if (!fd_.is_open() && !open_file(O_CREAT)) return false;
    if (!sys::lock(fd_, sys::Lock::Exclusive, std::chrono::milliseconds(0), path_)) return false;
    const auto mine = sys::fstat(fd_);
    const auto named = sys::lstat(path_);
    if (mine && named && mine->st_ino == named->st_ino && mine->st_dev == named->st_dev) {
      if (!read_file_header() &&
          (!sys::truncate(fd_, 0) || !put_file_header(fd_, owner_) || !read_file_header())) {
        break;
      }
      read_blocks();
      const bool has_rest = static_cast<std::uint64_t>(mine->st_size) > end_;
      if (!has_rest || sys::truncate(fd_, end_)) return true;
      break;
    }
    fd_.reset();  // written anew meanwhile
  }
  fd_.reset();
  return false;
}

bool MessageCache::put_block(const FileDescriptor& fd, std::uint64_t nonce, std::uint64_t& end,
                             const Pending& records) {
  std::string block(sizeof(BlockHeader), '\0');
  for (const auto& [key, octets] : records) {
    Record record;
    record.uid = key.first;
    record.kind = key.second & 0xffU;
    record.octets = octets.size() & 0xffffffU;
    block.append(octets_of(record).data(), sizeof record);
  }
  for (const auto& [key, octets] : records) block += octets;
  BlockHeader header;
  header.octets = static_cast<std::uint32_t>(block.size() - sizeof header);
  header.records = static_cast<std::uint32_t>(records.size());
  header.first_uid = records.begin()->first.first;
  header.last_uid = records.rbegin()->first.first;
  header.payload_checksum =
      seeded_hash_of(std::string_view(block).substr(sizeof header), nonce + end);
  header.checksum = checksum_of(header, nonce + end);
  block.replace(0, sizeof header, octets_of(header).data(), sizeof header);
  if (!sys::pwrite_all(fd, block, end)) return false;
  end += block.size();
  return true;
}

void MessageCache::flush() {
  if (!pending_.empty() && lock_for_writing()) {
    auto end = end_;
    if (put_block(fd_, nonce_, end, pending_)) read_blocks();
    static_cast<void>(sys::unlock(fd_));
  }
  pending_.clear();
  pending_octets_ = 0;
}

std::size_t MessageCache::count_records() const {
  return std::accumulate(
      blocks_.begin(), blocks_.end(), std::size_t{0},
      [](std::size_t sum, const Place& place) { return sum + place.header.records; });
}

bool MessageCache::is_worth_writing_anew() const {
  if (!fd_.is_open() || messages_ == nullptr) return false;
  const std::size_t records = count_records();
  return is_damaged_ || blocks_.size() > kFewBlocks + 2 * end_ / kBlock ||
         records > kKinds * messages_->size() + messages_->size() / 2 + 1000;
}

// In order, without what is not there any more or there twice.
void MessageCache::write_anew() {
  if (!lock_for_writing()) return;
  struct Piece {
    std::pair<std::uint32_t, std::uint32_t> key;
    std::uint64_t at = 0;
    std::size_t octets = 0;
  };
  std::vector<Piece> pieces;
  pieces.reserve(count_records());
  Loaded& loaded = loaded_.front();
  for (const Place& place : blocks_) {
    if (!load(place, loaded)) continue;
    for (std::size_t i = 0; i < loaded.records.size(); ++i) {
      const Record& record = loaded.records[i];
      if (!messages_->contains({record.uid})) continue;
      pieces.push_back(
          {record.key(), place.at + sizeof(BlockHeader) + loaded.offsets[i], record.octets});
    }
  }
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.key < b.key; });
  const std::string temporary = path_ + ".new";
  auto fresh = sys::open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW);
  if (!fresh) return;
  const auto nonce = put_file_header(*fresh, owner_);
  std::uint64_t end = sizeof(FileHeader);
  bool is_whole = nonce.has_value();
  Pending block;
  std::size_t octets = 0;
  for (const Piece& piece : pieces) {
    auto read = sys::pread_all(fd_, piece.at, piece.octets);
    if (!read || read->size() != piece.octets) continue;
    block.try_emplace(piece.key, *std::move(read));
    octets += piece.octets + sizeof(Record);
    if (octets < kBlock) continue;
    is_whole = is_whole && put_block(*fresh, *nonce, end, block);
    block.clear();
    octets = 0;
  }
  if (!block.empty()) is_whole = is_whole && put_block(*fresh, *nonce, end, block);
  if (!is_whole || !sys::rename(temporary, path_)) ::unlink(temporary.c_str());
  is_damaged_ = false;
  forget();
}

}  // namespace mail::store
