// Any text is stored SCRAM keys within their bounds, or an error; what is read is written the same.
#include <cstdlib>

#include "libmail/auth/scram_server.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto keys = mail::auth::parse_scram_keys(input);
  if (!keys) return 0;
  if (keys->stored_key.size() != mail::auth::kScramProof || keys->iterations == 0) std::abort();
  const auto again = mail::auth::parse_scram_keys(mail::auth::to_text(*keys));
  if (!again || again->salt != keys->salt || again->server_key != keys->server_key) std::abort();
  return 0;
}
