// Certificates and keys as files hold them: PEM (RFC 7468). Nothing is parsed here beyond the lines
// where a private key begins; that is the module's, in the process that will use them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::tls {

// Files of a certificate with its chain and of its key, either as Dovecot's ssl_cert and ssl_key
// (an empty key: the same file) or as Postfix's smtpd_tls_chain_files: any number of files which
// together hold one or more keys, each followed by its certificate and chain.
struct CertificateFiles {
  std::string certificate, key;
  std::vector<std::string> chain_files;
};
// For one name, one for each kind of key (RSA and ECDSA).
using CertificateSet = std::vector<CertificateFiles>;

std::vector<std::string> files_of(const CertificateSet& set);

// One certificate with chain and its key. The key is wiped at the end.
struct Pem {
  std::string certificate, key;
  std::string origin;  // the files, for messages

  Pem() = default;
  Pem(std::string the_certificate, std::string the_key, std::string the_origin);
  Pem(Pem&&) = default;
  Pem& operator=(Pem&&) = default;
  Pem(const Pem&) = delete;
  Pem& operator=(const Pem&) = delete;
  ~Pem();
};

using FileReader = std::function<Result<std::string>(const std::string& path)>;
// The octets of a certificate file; TooLarge beyond 1 MiB.
Result<std::string> read_certificate_file(const std::string& path);

// NotFound, Denied (with the file's name), Config (no private key in any chain file).
Result<std::vector<Pem>> read_certificates(const CertificateSet& set,
                                           const FileReader& read = read_certificate_file);

// Files opened while there are rights to, and read after these are gone.
class OpenCertificateFiles {
 public:
  // What cannot be opened is told when it is read.
  void open(const CertificateSet& set);
  [[nodiscard]] Result<std::string> read(const std::string& path) const;

 private:
  std::map<std::string, Result<FileDescriptor>> files_;
};

}  // namespace mail::tls
