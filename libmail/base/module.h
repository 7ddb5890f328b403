// Modules: shared objects of ours that keep large libraries out of the server binaries (DESIGN.md
// section 8). Each exports one function that gives a table of C functions.
//
// tubepost-tls.so and tubepost-pam.so are looked for beside the running binary (uninstalled
// builds), then in ../lib/tubepost from there (installed, whatever the prefix), then in
// PREFIX/lib/tubepost of the build. An ordinary user may name another directory in
// TUBEPOST_MODULES. The first file with the name is the one; if it cannot be opened no other is
// tried (docs/modules.md).
#pragma once

#include <string>

#include "libmail/base/result.h"

namespace mail::base {

// The address of `symbol` in module `name` ("tubepost-tls.so"). It stays loaded. Unavailable.
Result<void*> open_module(const std::string& name, const char* symbol);

}  // namespace mail::base
