#include "libmail/counters/live_count.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "libmail/base/sys.h"

namespace mail::counters {
namespace {

// Keys are hashed to places in a file that could be 2^62 octets long: two do not meet.
constexpr std::uint64_t kOctetsOfKey = 1024;
static_assert(kMaxPlaces <= kOctetsOfKey);

std::uint64_t first_octet(std::string_view key) {
  constexpr std::uint64_t kKeys = 1ULL << 52U;
  return ::XXH3_64bits(key.data(), key.size()) % kKeys * kOctetsOfKey;
}

Result<bool> is_held_by_another(const FileDescriptor& file, std::uint64_t octet) {
  struct ::flock request {};
  request.l_type = F_WRLCK;  // what a reader's lock is in the way of
  request.l_whence = SEEK_SET;
  request.l_start = static_cast<::off_t>(octet);
  request.l_len = 1;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): fcntl(2)
  if (::fcntl(file.get(), F_OFD_GETLK, &request) != 0) {
    return fail(sys::error_from_errno(errno, "lock", "live count"));
  }
  return request.l_type != F_UNLCK;
}

// Two may take the same place at once, as their locks do not exclude each other: both see it
// afterwards and let go.
Result<bool> try_place(const FileDescriptor& file, std::uint64_t octet) {
  if (TRY(is_held_by_another(file, octet))) return false;
  TRY(sys::lock_range(file, sys::Lock::Shared, octet, 1, std::chrono::milliseconds(0), "place"));
  if (!TRY(is_held_by_another(file, octet))) return true;
  TRY(sys::unlock_range(file, octet, 1));
  return false;
}

}  // namespace

Result<FileDescriptor> take_place(const std::string& path, std::string_view key, unsigned limit) {
  auto file = TRY(sys::open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
  const auto status = TRY(sys::fstat(file));
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077U) != 0) {
    return fail(Errc::Denied, "Not permitted", path + ": not a file of ours alone");
  }
  const std::uint64_t first = first_octet(key);
  const std::uint64_t places = std::clamp(limit, 1U, kMaxPlaces);
  // From a place of our own on, so that those who come at once do not meet at each.
  const auto begin = static_cast<std::uint64_t>(::getpid()) % places;
  for (std::uint64_t step = 0; step < places; ++step) {
    if (TRY(try_place(file, first + (begin + step) % places))) return file;
  }
  return fail(Errc::TooMany, "Too many at once");
}

}  // namespace mail::counters
