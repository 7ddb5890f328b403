#include "libmail/login/certificates.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "libmail/base/sys.h"
#include "libmail/login/fields.h"

namespace mail::login {
namespace {

constexpr std::size_t kMaxFile = 1U << 20U;    // octets
constexpr std::size_t kMaxRecord = 8U << 20U;  // octets: a few kinds of key, each two files
constexpr std::uint32_t kMaxPairs = 8;

}  // namespace

Result<FileDescriptor> pack_certificates(const std::vector<tls::Pem>& certificates) {
  FieldWriter out;
  out.number(static_cast<std::uint32_t>(certificates.size()));
  for (const auto& pem : certificates) {
    out.text(pem.certificate);
    out.text(pem.key);
    out.text(pem.origin);
  }
  auto& octets = out.octets();
  auto packed = [&]() -> Result<FileDescriptor> {
    FileDescriptor memory(::memfd_create("certificate", MFD_CLOEXEC));
    if (!memory.is_open()) return fail(sys::error_from_errno(errno, "memfd_create", "certificate"));
    TRY(sys::write_all(memory, octets));
    return memory;
  }();
  ::explicit_bzero(octets.data(), octets.size());
  return packed;
}

Result<std::vector<tls::Pem>> unpack_certificates(const FileDescriptor& record) {
  // A front may not ask for its size.
  std::string octets = TRY(sys::pread_all(record, 0, kMaxRecord + 1));
  if (octets.size() > kMaxRecord) {
    return fail(Errc::TooLarge, "record of certificates is too large");
  }
  auto unpacked = [&]() -> Result<std::vector<tls::Pem>> {
    FieldReader in(octets);
    std::vector<tls::Pem> certificates;
    const auto count = TRY(in.number());
    if (count > kMaxPairs) return fail(Errc::Corrupt, "too many certificates");
    for (std::uint32_t i = 0; i < count; ++i) {
      std::string certificate = TRY(in.text(kMaxFile));
      std::string key = TRY(in.text(kMaxFile));
      std::string origin = TRY(in.text(kMaxFile));
      certificates.emplace_back(std::move(certificate), std::move(key), std::move(origin));
    }
    TRY(in.end());
    return certificates;
  }();
  ::explicit_bzero(octets.data(), octets.size());
  return unpacked;
}

}  // namespace mail::login
