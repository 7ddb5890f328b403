#include "libmail/tls/ticket_secrets.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "libmail/base/sys.h"

namespace mail::tls {
namespace {

// The file: magic, then twice {seconds since 1970 when it was made, secret}, the newest first, then
// a checksum. Numbers in the machine's order: /run does not outlive it.
constexpr std::string_view kMagic = "TPTLS001";
struct Secret {
  std::uint64_t made = 0;  // 0: none
  char octets[kTicketSecret] = {};
};
struct Record {
  char magic[8] = {};
  Secret secrets[2];
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Record) == 96);

// Finds a record that was read while it was written; FNV-1a, as nobody else may write the file.
std::uint64_t checksum_of(const Record& record) {
  std::uint64_t sum = 0xcbf29ce484222325U;
  const std::string_view octets(reinterpret_cast<const char*>(&record),
                                sizeof record - sizeof record.checksum);
  for (const char octet : octets) {
    sum = (sum ^ static_cast<unsigned char>(octet)) * 0x100000001b3U;
  }
  return sum;
}

bool is_sound(const Record& record) {
  return std::string_view(record.magic, sizeof record.magic) == kMagic &&
         record.checksum == checksum_of(record);
}

Result<FileDescriptor> open_file(const std::string& path) {
  auto file = sys::open(path, O_RDWR | O_NOFOLLOW);
  if (!file && file.error().code == Errc::NotFound) {
    file = sys::open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!file && file.error().code == Errc::Exists) file = sys::open(path, O_RDWR | O_NOFOLLOW);
  }
  if (!file) return fail(file.error());
  const auto status = TRY(sys::fstat(*file));
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 0077U) != 0 ||
      status.st_nlink != 1) {
    return fail(Errc::Config, "TLS not available",
                path +
                    ": not used for session tickets: it must be a file of the user who starts "
                    "the servers, mode 0600, one link");
  }
  return *std::move(file);
}

// An empty record where there is none yet, or a damaged one.
Result<Record> read_record(const FileDescriptor& file) {
  Record record;
  const auto size = TRY(sys::pread(file, {reinterpret_cast<char*>(&record), sizeof record}, 0));
  if (size != sizeof record || !is_sound(record)) return Record{};
  return record;
}

class Age {
 public:
  Age(std::chrono::seconds lifetime, WallTime now)
      : lifetime_(static_cast<std::uint64_t>(lifetime.count())),
        now_(static_cast<std::uint64_t>(
            std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count())) {}

  [[nodiscard]] std::uint64_t now() const { return now_; }
  // One from the future: the clock was set back, its age is not known.
  [[nodiscard]] bool may_seal(const Secret& secret) const { return is_younger(secret, lifetime_); }
  [[nodiscard]] bool may_open(const Secret& secret) const {
    return is_younger(secret, 2 * lifetime_);
  }

 private:
  [[nodiscard]] bool is_younger(const Secret& secret, std::uint64_t age) const {
    return secret.made != 0 && secret.made <= now_ && now_ - secret.made < age;
  }
  std::uint64_t lifetime_;
  std::uint64_t now_;
};

Result<void> rotate(const FileDescriptor& file, Record& record, const Age& age) {
  record.secrets[1] = age.may_open(record.secrets[0]) ? record.secrets[0] : Secret{};
  auto& fresh = record.secrets[0];
  fresh.made = age.now();
  if (::getrandom(fresh.octets, sizeof fresh.octets, 0) != ssize_t{sizeof fresh.octets}) {
    return fail(sys::error_from_errno(errno, "getrandom", "session tickets"));
  }
  std::memcpy(record.magic, kMagic.data(), sizeof record.magic);
  record.checksum = checksum_of(record);
  return sys::pwrite_all(file, {reinterpret_cast<const char*>(&record), sizeof record}, 0);
}

}  // namespace

Result<std::string> read_ticket_secrets(const std::string& path, std::chrono::seconds lifetime,
                                        WallTime now) {
  const auto file = TRY(open_file(path));
  const Age age(lifetime, now);
  Record record = TRY(read_record(file));
  if (!age.may_seal(record.secrets[0])) {
    // Whoever holds the lock is doing the same; waiting long for it would hold up the connection.
    TRY(sys::lock(file, sys::Lock::Exclusive, std::chrono::milliseconds(200), path));
    record = TRY(read_record(file));
    if (!age.may_seal(record.secrets[0])) TRY(rotate(file, record, age));
    TRY(sys::unlock(file));
  }
  std::string secrets;
  for (const auto& secret : record.secrets) {
    if (age.may_open(secret)) secrets.append(secret.octets, sizeof secret.octets);
  }
  ::explicit_bzero(&record, sizeof record);
  return secrets;
}

}  // namespace mail::tls
