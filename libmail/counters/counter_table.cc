#include "libmail/counters/counter_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"

namespace mail::counters {
namespace {

constexpr std::chrono::milliseconds kLockTimeout{200};
constexpr std::array<char, 8> kMagic = {'T', 'b', 'p', 'c', 'n', 't', '0', '1'};
constexpr double kMilli = 1000;
constexpr double kMostLevel = 4'000'000;  // fits the slot's 32 bits in thousandths

// Both are written as they lie in memory: one machine, one file. docs/counters.md.
struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint64_t seed = 0;          // of every hash in the file
  std::uint64_t file_octets = 0;   // 0 in none
  std::array<char, 40> boot_id{};  // of the kernel that counted here
  std::uint64_t checksum = 0;      // of what stands before it
};
struct Slot {
  std::uint64_t checksum = 0;  // of what follows
  std::uint32_t kind = 0;
  std::uint32_t level = 0;    // thousandths
  std::uint64_t changed = 0;  // milliseconds since the start of the machine
  std::array<std::uint8_t, 16> key{};
  std::array<std::uint8_t, 24> reserved{};
};
static_assert(sizeof(Header) == 72 && sizeof(Slot) == CounterTable::kSlotOctets);
using Bucket = std::array<Slot, CounterTable::kSlotsOfBucket>;

std::uint64_t checksum_of(const Header& header) {
  return ::XXH3_64bits(&header, offsetof(Header, checksum));
}
std::uint64_t checksum_of(const Slot& slot, std::uint64_t seed) {
  const auto* octets = reinterpret_cast<const char*>(&slot);
  return ::XXH3_64bits_withSeed(octets + sizeof slot.checksum, sizeof slot - sizeof slot.checksum,
                                seed);
}

std::array<char, 40> boot_id() {
  std::array<char, 40> id{};
  const auto text = sys::read_file("/proc/sys/kernel/random/boot_id", 100);
  if (text) std::copy_n(text->begin(), std::min(text->size(), id.size()), id.begin());
  return id;
}

bool is_good(const Header& header, const std::array<char, 40>& boot) {
  return header.magic == kMagic && header.file_octets == CounterTable::kFileOctets &&
         header.boot_id == boot && header.checksum == checksum_of(header);
}

Result<Header> read_header(const FileDescriptor& file) {
  Header header;
  const auto octets = sys::pread_all(file, 0, sizeof header);
  if (!octets || octets->size() != sizeof header) return fail(Errc::Corrupt, "no header");
  std::memcpy(&header, octets->data(), sizeof header);
  return header;
}

// Under the header's lock, so that of two processes one makes the file and the other finds it made.
Result<Header> begin_anew(const FileDescriptor& file, const std::string& path,
                          const std::array<char, 40>& boot) {
  TRY(sys::lock_range(file, sys::Lock::Exclusive, 0, CounterTable::kHeaderOctets, kLockTimeout,
                      path));
  auto made = [&]() -> Result<Header> {
    const auto old = read_header(file);
    const auto size = TRY(sys::fstat(file))
    .st_size;
    if (old && is_good(*old, boot) && size == static_cast<off_t>(CounterTable::kFileOctets)) {
      return *old;
    }
    const bool is_new = size == 0;
    const bool is_of_last_boot = old && is_good(*old, old->boot_id);
    if (!is_new && !is_of_last_boot) log::warning(path + ": damaged, counting begins anew");
    Header header;
    const std::string random = TRY(sys::random_octets(sizeof header.seed));
    std::memcpy(&header.seed, random.data(), sizeof header.seed);
    header.file_octets = CounterTable::kFileOctets;
    header.boot_id = boot;
    header.checksum = checksum_of(header);
    TRY(sys::truncate(file, 0));
    TRY(sys::truncate(file, CounterTable::kFileOctets));
    TRY(sys::pwrite_all(file, {reinterpret_cast<const char*>(&header), sizeof header}, 0));
    return header;
  }();
  static_cast<void>(sys::unlock_range(file, 0, CounterTable::kHeaderOctets));
  return made;
}

double level_of(const Slot& slot, std::chrono::seconds half_life, BootTime now) {
  const auto age = static_cast<double>(now.count()) - static_cast<double>(slot.changed);
  const double halves = std::max(age, 0.0) / (kMilli * static_cast<double>(half_life.count()));
  // Straight between two halvings: at most 6 % above the curve, and no mathematics library.
  const auto whole = static_cast<unsigned>(std::min(halves, 62.0));
  const double part = std::min(halves - whole, 1.0);
  return static_cast<double>(slot.level) / kMilli * (1 - part / 2) /
         static_cast<double>(1ULL << whole);
}

bool is_proven(Kind kind) { return kind == Kind::LoginKnown || kind == Kind::UserRecipient; }

bool holds(const Slot& slot, const Key& key) {
  return slot.kind == static_cast<std::uint32_t>(key.kind) && slot.key == key.octets;
}

}  // namespace

BootTime boot_time() {
  ::timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::duration_cast<BootTime>(std::chrono::seconds(now.tv_sec) +
                                              std::chrono::nanoseconds(now.tv_nsec));
}

Result<CounterTable> CounterTable::open(const std::string& path) {
  FileDescriptor file = TRY(sys::open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
  const auto status = TRY(sys::fstat(file));
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 0077U) != 0 ||
      status.st_nlink != 1) {
    return fail(Errc::Denied, "Not available now",
                path + ": not a file of ours alone; nothing is counted");
  }
  const auto boot = boot_id();
  auto header = read_header(file);
  if (!header || !is_good(*header, boot) || status.st_size != static_cast<off_t>(kFileOctets)) {
    header = begin_anew(file, path, boot);
  }
  if (!header) return fail(header.error());
  return CounterTable(std::move(file), path, header->seed);
}

Key CounterTable::key_of(Kind kind, const net::Address& address) {
  Key key{kind, address.octets()};
  constexpr std::size_t kIpv4 = 4;
  constexpr std::size_t kSubnet = 8;  // octets of a /64
  std::fill(key.octets.begin() + (address.is_ipv4() ? kIpv4 : kSubnet), key.octets.end(), 0);
  key.octets.back() = address.is_ipv4() ? 4 : 6;
  return key;
}

Key CounterTable::key_of(Kind kind, std::string_view name) const {
  Key key{kind, {}};
  const ::XXH128_hash_t hash = ::XXH3_128bits_withSeed(name.data(), name.size(), seed_);
  std::memcpy(key.octets.data(), &hash, sizeof hash);
  return key;
}

std::uint64_t CounterTable::bucket_offset(const Key& key, std::uint64_t seed) {
  constexpr std::uint64_t kHalf = kBuckets / 2;
  const auto hash = ::XXH3_64bits_withSeed(key.octets.data(), key.octets.size(),
                                           seed + static_cast<std::uint64_t>(key.kind));
  const std::uint64_t bucket = hash % kHalf + (is_proven(key.kind) ? kHalf : 0);
  return kHeaderOctets + bucket * sizeof(Bucket);
}

Result<double> CounterTable::level(const Key& key, std::chrono::seconds half_life,
                                   BootTime now) const {
  return change(key, 0, false, half_life, now);
}

Result<double> CounterTable::add(const Key& key, double amount, std::chrono::seconds half_life,
                                 BootTime now) const {
  return change(key, amount, false, half_life, now);
}

Result<void> CounterTable::raise_to(const Key& key, double amount, std::chrono::seconds half_life,
                                    BootTime now) const {
  TRY(change(key, amount, true, half_life, now));
  return {};
}

Result<double> CounterTable::change(const Key& key, double amount, bool is_floor,
                                    std::chrono::seconds half_life, BootTime now) const {
  const std::uint64_t offset = bucket_offset(key, seed_);
  TRY(sys::lock_range(file_, sys::Lock::Exclusive, offset, sizeof(Bucket), kLockTimeout, path_));
  auto changed = [&]() -> Result<double> {
    Bucket bucket;
    const std::string octets = TRY(sys::pread_all(file_, offset, sizeof bucket));
    if (octets.size() != sizeof bucket) return fail(Errc::Corrupt, "cut", path_ + ": cut short");
    std::memcpy(bucket.data(), octets.data(), sizeof bucket);
    Slot* chosen = nullptr;
    double lowest = kMostLevel * 2;
    for (Slot& slot : bucket) {
      // What is torn or from a clock ahead of ours is no count.
      if (slot.checksum != checksum_of(slot, seed_) ||
          slot.changed > static_cast<std::uint64_t>(now.count())) {
        slot = Slot{};
      }
      if (slot.kind != 0 && holds(slot, key)) {
        chosen = &slot;
        break;
      }
      const double level = slot.kind == 0 ? -1 : level_of(slot, half_life, now);
      if (level >= lowest) continue;
      lowest = level;
      chosen = &slot;
    }
    const double old = holds(*chosen, key) ? level_of(*chosen, half_life, now) : 0;
    const double level =
        std::clamp(is_floor ? std::max(old, amount) : old + amount, 0.0, kMostLevel);
    if (amount == 0) return level;
    Slot fresh;
    fresh.kind = static_cast<std::uint32_t>(key.kind);
    const double nearest = level * kMilli + 0.5;
    fresh.level = static_cast<std::uint32_t>(nearest);
    fresh.changed = static_cast<std::uint64_t>(now.count());
    fresh.key = key.octets;
    fresh.checksum = checksum_of(fresh, seed_);
    const auto at = static_cast<std::uint64_t>(chosen - bucket.data()) * sizeof fresh;
    TRY(sys::pwrite_all(file_, {reinterpret_cast<const char*>(&fresh), sizeof fresh}, offset + at));
    return level;
  }();
  static_cast<void>(sys::unlock_range(file_, offset, sizeof(Bucket)));
  return changed;
}

}  // namespace mail::counters
