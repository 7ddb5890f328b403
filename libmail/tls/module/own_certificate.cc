#include "libmail/tls/module/own_certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <memory>
#include <string>

#include "libmail/tls/module/say.h"

namespace mail::tls {
namespace {

constexpr long kTenYears = 3650L * 24 * 3600;  // seconds

struct Deleter {
  void operator()(BIO* it) const { ::BIO_free(it); }
  void operator()(X509* it) const { ::X509_free(it); }
  void operator()(EVP_PKEY* it) const { ::EVP_PKEY_free(it); }
};
template <class T>
using Handle = std::unique_ptr<T, Deleter>;

int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

// 127 random bits: positive, and never the same (RFC 5280 section 4.1.2.2).
bool set_serial(X509* certificate) {
  unsigned char octets[16];
  if (::RAND_bytes(octets, sizeof octets) != 1) return false;
  octets[0] = static_cast<unsigned char>((octets[0] & 0x7fU) | 0x40U);
  BIGNUM* number = ::BN_bin2bn(octets, sizeof octets, nullptr);
  const bool ok = ::BN_to_ASN1_INTEGER(number, ::X509_get_serialNumber(certificate)) != nullptr;
  ::BN_free(number);
  return ok;
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  const bool ok = extension != nullptr && ::X509_add_ext(certificate, extension, -1) == 1;
  ::X509_EXTENSION_free(extension);
  return ok;
}

// A host's name goes into OpenSSL's small language for extensions: nothing else may.
bool is_host_name(const std::string& host) {
  return !host.empty() && host.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                              "WXYZ0123456789.-_") == std::string::npos;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::string& host) {
  X509_NAME* name = ::X509_get_subject_name(certificate);
  // A common name has 64 octets at most (RFC 5280 appendix A.1); what counts is the alternative.
  const std::string common = host.substr(0, 64);
  return ::X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
         // Some clients' clocks are a little behind.
         ::X509_gmtime_adj(::X509_getm_notBefore(certificate), -3600) != nullptr &&
         ::X509_gmtime_adj(::X509_getm_notAfter(certificate), kTenYears) != nullptr &&
         ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      reinterpret_cast<const unsigned char*>(common.data()),
                                      static_cast<int>(common.size()), -1, 0) == 1 &&
         ::X509_set_issuer_name(certificate, name) == 1 &&
         ::X509_set_pubkey(certificate, key) == 1 &&
         add_extension(certificate, NID_subject_key_identifier, "hash") &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         add_extension(certificate, NID_subject_alt_name, "DNS:" + host) &&
         ::X509_sign(certificate, key, ::EVP_sha256()) != 0;
}

bool copy_out(BIO* from, char* into, std::size_t size) {
  const char* octets = nullptr;
  const long count = BIO_get_mem_data(from, &octets);
  if (count <= 0 || static_cast<std::size_t>(count) >= size) return false;
  std::memcpy(into, octets, static_cast<std::size_t>(count));
  into[count] = '\0';
  return true;
}

Handle<EVP_PKEY> take_key(char* pem, std::size_t size) {
  if (pem[0] != '\0') {
    const Handle<BIO> in(::BIO_new_mem_buf(pem, -1));
    return Handle<EVP_PKEY>(::PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr));
  }
  Handle<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Handle<BIO> out(::BIO_new(::BIO_s_secmem()));
  if (!key ||
      ::PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1 ||
      !copy_out(out.get(), pem, size)) {
    return {};
  }
  return key;
}

}  // namespace

int make_certificate(const char* host, char* certificate, std::size_t certificate_size, char* key,
                     std::size_t key_size, char* why, std::size_t why_size) {
  ::ERR_clear_error();
  if (!is_host_name(host)) {
    say(why, why_size, "not a host name");
    return 0;
  }
  const Handle<EVP_PKEY> pair = take_key(key, key_size);
  if (!pair) {
    say(why, why_size, "private key");
    return 0;
  }
  const Handle<X509> made(::X509_new());
  const Handle<BIO> out(::BIO_new(::BIO_s_mem()));
  if (made && fill(made.get(), pair.get(), host) &&
      ::PEM_write_bio_X509(out.get(), made.get()) == 1 &&
      copy_out(out.get(), certificate, certificate_size)) {
    return 1;
  }
  say(why, why_size, "certificate");
  return 0;
}

}  // namespace mail::tls
