// A self-signed certificate of our own, so that TLS is never missing: made when no file is named in
// the configuration and the default ones are not there yet.
#pragma once

#include <string>

#include "libmail/base/result.h"
#include "libmail/tls/certificates.h"

namespace mail::tls {

// Makes what is missing of the two files: the key (P-256, 0600, the owner's) and a certificate for
// it (common name and subject alternative name `host`, ten years, 0644). Nothing that is there is
// ever replaced; processes that come at the same time make one pair. Errors: Denied, NotFound (the
// directory), Config (a certificate without its key), Unavailable (no module).
Result<void> make_own_certificate(const CertificateFiles& files, const std::string& host);

}  // namespace mail::tls
