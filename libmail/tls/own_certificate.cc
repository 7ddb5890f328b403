#include "libmail/tls/own_certificate.h"

#include <fcntl.h>
#include <sys/file.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/tls/open_module.h"

namespace mail::tls {
namespace {

constexpr std::size_t kMaxOwn = 8U << 10U;  // octets of PEM: a P-256 pair takes less than one KiB

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

Result<void> make_own_certificate(const CertificateFiles& files, const std::string& host) {
  if (sys::exists(files.certificate) && sys::exists(files.key)) return {};
  const std::string directory = directory_of(files.key);
  const auto lock = TRY(sys::open(directory, O_RDONLY | O_DIRECTORY));
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail(sys::error_from_errno(errno, "flock", directory));
  }
  const bool has_key = sys::exists(files.key);
  if (sys::exists(files.certificate)) {
    if (has_key) return {};  // another process was first
    return fail(Errc::Config, "TLS not available",
                files.key + ": missing, but its certificate " + files.certificate + " is there");
  }
  const auto* module = TRY(open_module());
  std::array<char, kMaxOwn> certificate{};
  std::array<char, kMaxOwn> key{};
  std::array<char, 256> why{};
  if (has_key) {
    std::string text = TRY(sys::read_file(files.key, key.size() - 1));
    std::memcpy(key.data(), text.data(), text.size());
    ::explicit_bzero(text.data(), text.size());
  }
  const bool is_made =
      module->make_certificate(host.c_str(), certificate.data(), certificate.size(), key.data(),
                               key.size(), why.data(), why.size()) != 0;
  auto written = [&]() -> Result<void> {
    if (!is_made) {
      return fail(Errc::Config, "TLS not available",
                  "self-signed certificate for " + log::escape(host) + ", key " + files.key + ": " +
                      why.data());
    }
    // The key first: a certificate is made for a key that is there, not the reverse.
    if (!has_key) TRY(sys::replace_file(files.key, key.data(), 0600));
    return sys::replace_file(files.certificate, certificate.data(), 0644);
  }();
  ::explicit_bzero(key.data(), key.size());
  if (written) log::info("TLS: self-signed certificate made: " + files.certificate);
  return written;
}

}  // namespace mail::tls
