// The module tubepost-tls.so, for this library's own files.
#pragma once

#include "libmail/base/result.h"
#include "libmail/tls/module_interface.h"

namespace mail::tls {

// Opens it, once a process. Unavailable: not there, or of another version.
Result<const tubepost_tls*> open_module();

}  // namespace mail::tls
