// Certificates and keys on their way from the monitor, which may read their files, to the role that
// shakes hands: a record in anonymous memory, handed over as a descriptor. The monitor does not
// look into them.
#pragma once

#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/tls/certificates.h"

namespace mail::login {

Result<FileDescriptor> pack_certificates(const std::vector<tls::Pem>& certificates);
Result<std::vector<tls::Pem>> unpack_certificates(const FileDescriptor& record);  // Corrupt

}  // namespace mail::login
