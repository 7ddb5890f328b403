// What a server's TLS is made of: certificates, versions, tickets. Filled by libmail/config, one
// for each service (and by its command line for each port).
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "libmail/tls/certificates.h"
#include "libmail/tls/versions.h"

namespace mail::tls {

// A certificate for clients that ask for a name by SNI (RFC 6066 section 3).
struct NamedCertificates {
  std::string name;  // "mail.example.org"; "*.example.org" is one label more, ".example.org" any
  CertificateSet certificates;
};

struct Settings {
  CertificateSet certificates;  // the default; empty: no TLS
  std::vector<NamedCertificates> named;
  std::vector<std::string> name_files;  // where `named` was read from, for watching
  // No file was named, so `certificates` are our own: made, self-signed for this host, if missing.
  std::string make_for;
  VersionSet versions = kModernVersions;
  std::string ciphers;  // up to TLS 1.2, in OpenSSL's words; empty: the system's
  bool prefer_server_ciphers = false;
  std::string service;      // "pop3", "imap", "smtp": sessions are not resumed across services
  std::string ticket_file;  // shared by processes; empty: no tickets
  std::chrono::seconds ticket_lifetime{3600};  // the key is changed as often; 0: no tickets
};

// Every file that an accepting parent watches: those of the default certificate, and the lists of
// names. What the names stand for is read when it is needed.
std::vector<std::string> watched_files(const Settings& settings);

// Which of `named` a client's name asks for, ASCII case aside; exact names go first, then the
// longest pattern. -1: none, so the default certificate.
long find_name(const std::vector<NamedCertificates>& named, std::string_view name);

}  // namespace mail::tls
