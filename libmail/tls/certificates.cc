#include "libmail/tls/certificates.h"

#include <fcntl.h>

#include <cstring>
#include <utility>

#include "libmail/base/sys.h"

namespace mail::tls {
namespace {

constexpr std::size_t kMaxPem = 1U << 20U;  // octets of a certificate file with its chain

// Where the next private key begins ("-----BEGIN PRIVATE KEY-----", "... EC PRIVATE KEY-----").
std::size_t find_key(std::string_view text, std::size_t from) {
  for (;;) {
    const auto begin = text.find("-----BEGIN ", from);
    if (begin == std::string_view::npos) return begin;
    const auto line = text.substr(begin, text.find('\n', begin) - begin);
    if (line.find("PRIVATE KEY-----") != std::string_view::npos) return begin;
    from = begin + 1;
  }
}

// Postfix: each key stands before its certificate, in the same file or the one before.
Result<void> split_chain(std::string& text, const std::string& origin, std::vector<Pem>& into) {
  auto begin = find_key(text, 0);
  if (begin == std::string::npos) {
    return fail(Errc::Config, "TLS not available", origin + ": no private key in it");
  }
  while (begin != std::string::npos) {
    const auto next = find_key(text, begin + 1);
    const std::string piece = text.substr(begin, next - begin);
    into.emplace_back(piece, piece, origin);
    begin = next;
  }
  ::explicit_bzero(text.data(), text.size());
  return {};
}

}  // namespace

Pem::Pem(std::string the_certificate, std::string the_key, std::string the_origin)
    : certificate(std::move(the_certificate)),
      key(std::move(the_key)),
      origin(std::move(the_origin)) {}

Pem::~Pem() {
  // A certificate may come from the file that holds the key too.
  ::explicit_bzero(certificate.data(), certificate.size());
  ::explicit_bzero(key.data(), key.size());
}

std::vector<std::string> files_of(const CertificateSet& set) {
  std::vector<std::string> files;
  for (const auto& one : set) {
    if (!one.certificate.empty()) files.push_back(one.certificate);
    if (!one.key.empty() && one.key != one.certificate) files.push_back(one.key);
    files.insert(files.end(), one.chain_files.begin(), one.chain_files.end());
  }
  return files;
}

Result<std::string> read_certificate_file(const std::string& path) {
  return sys::read_file(path, kMaxPem);
}

Result<std::vector<Pem>> read_certificates(const CertificateSet& set, const FileReader& read) {
  std::vector<Pem> all;
  for (const auto& one : set) {
    if (one.chain_files.empty()) {
      std::string certificate = TRY(read(one.certificate));
      const bool is_one_file = one.key.empty() || one.key == one.certificate;
      std::string key = is_one_file ? certificate : TRY(read(one.key));
      all.emplace_back(std::move(certificate), std::move(key),
                       is_one_file ? one.certificate : one.certificate + ", " + one.key);
      continue;
    }
    std::string text;
    std::string origin;
    for (const auto& file : one.chain_files) {
      text += TRY(read(file));
      text += '\n';
      origin += (origin.empty() ? "" : ", ") + file;
    }
    TRY(split_chain(text, origin, all));
  }
  return all;
}

void OpenCertificateFiles::open(const CertificateSet& set) {
  for (auto& file : files_of(set)) {
    if (files_.contains(file)) continue;
    auto opened = sys::open(file, O_RDONLY);
    files_.emplace(std::move(file), std::move(opened));
  }
}

Result<std::string> OpenCertificateFiles::read(const std::string& path) const {
  const auto found = files_.find(path);
  if (found == files_.end()) {
    return fail(Errc::NotFound, "TLS not available", path + ": was not opened");
  }
  if (!found->second) return fail(found->second.error());
  const auto status = TRY(sys::fstat(*found->second));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > kMaxPem) return fail(Errc::TooLarge, "TLS not available", path + ": too large");
  return sys::pread_all(*found->second, 0, size);
}

}  // namespace mail::tls
