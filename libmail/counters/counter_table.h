// CounterTable: numbers that processes share without a daemon: failed logins by address and by
// account, and the rates that an SMTP server limits (DESIGN.md section 3, docs/counters.md).
//
// A file of fixed size: a header, then slots of 64 octets in buckets of 8. A key (kind, and a
// prefix or the keyed hash of a name) has one bucket; only that is read, locked (OFD lock of its
// octets) and written, by pread and pwrite. A level falls by half in each half-life, which the
// caller says for its kind.
//
// Time is that since the machine started (boot_time()), so a step of the wall clock changes
// nothing; a file from before the last start begins empty.
// A full bucket gives up its lowest level. Kinds that only somebody proven can write lie in a half
// of their own, which a flood of strangers cannot empty.
// Damage: a header that is not ours (torn, cut, another version) makes the file begin anew, with a
// line in the log; a slot whose checksum is wrong counts as empty. A count may be lost by that,
// never a process.
// Errors: Denied when the file is not ours alone (another owner, open to others, a link, not a
// regular file); InUse when a bucket stays locked for 200 ms; what the file system says.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/net/network.h"

namespace mail::counters {

enum class Kind : std::uint32_t {
  None = 0,
  // The file `auth`.
  LoginPeer = 1,     // failed logins of an address
  LoginAccount = 2,  // failed logins to an account, from wherever
  LoginKnown = 3,    // an account has logged in from an address; proven
  // The file `smtp` (Postfix's anvil counts the same).
  SmtpConnection = 16,
  SmtpMessage = 17,
  SmtpRecipient = 18,
  SmtpError = 19,
  SmtpTlsHandshake = 20,
  SmtpAuthentication = 21,
  UserRecipient = 22,  // recipients of one logged-in user; proven
};

using BootTime = std::chrono::milliseconds;
BootTime boot_time();  // CLOCK_BOOTTIME: time asleep counts

struct Key {
  Kind kind = Kind::None;
  std::array<std::uint8_t, 16> octets{};
  bool operator==(const Key&) const = default;
};

class CounterTable {
 public:
  static constexpr std::uint64_t kHeaderOctets = 4096;
  static constexpr std::uint64_t kSlotOctets = 64;
  static constexpr std::uint64_t kSlotsOfBucket = 8;
  static constexpr std::uint64_t kBuckets = 1024;  // 8192 slots, 516 KiB
  static constexpr std::uint64_t kFileOctets =
      kHeaderOctets + kBuckets * kSlotsOfBucket * kSlotOctets;

  // Makes the file, mode 0600, where there is none.
  static Result<CounterTable> open(const std::string& path);

  // An IPv4 address as it is, an IPv6 address by its first 64 bits: who has one has them all.
  static Key key_of(Kind kind, const net::Address& address);
  // Hashed with the file's own secret, so that nobody can choose names that meet in one bucket.
  [[nodiscard]] Key key_of(Kind kind, std::string_view name) const;

  // 0 for a key that is not there.
  [[nodiscard]] Result<double> level(const Key& key, std::chrono::seconds half_life,
                                     BootTime now) const;
  // Adds (or takes away, not below 0); the level after it.
  [[nodiscard]] Result<double> add(const Key& key, double amount, std::chrono::seconds half_life,
                                   BootTime now) const;
  // At least `amount`, not the sum.
  [[nodiscard]] Result<void> raise_to(const Key& key, double amount, std::chrono::seconds half_life,
                                      BootTime now) const;

  [[nodiscard]] static std::uint64_t bucket_offset(const Key& key, std::uint64_t seed);

 private:
  CounterTable(FileDescriptor file, std::string path, std::uint64_t seed)
      : file_(std::move(file)), path_(std::move(path)), seed_(seed) {}
  Result<double> change(const Key& key, double amount, bool is_floor,
                        std::chrono::seconds half_life, BootTime now) const;

  FileDescriptor file_;
  std::string path_;
  std::uint64_t seed_;
};

}  // namespace mail::counters
