#include "libmail/tls/open_module.h"

#include "libmail/base/module.h"

namespace mail::tls {

Result<const tubepost_tls*> open_module() {
  void* address = TRY(base::open_module("tubepost-tls.so", "tubepost_tls_module"));
  const auto* module = reinterpret_cast<decltype(&tubepost_tls_module)>(address)();
  if (module->version != TUBEPOST_TLS_INTERFACE) {
    return fail(Errc::Unavailable, "TLS not available", "tubepost-tls.so is of another version");
  }
  return module;
}

}  // namespace mail::tls
