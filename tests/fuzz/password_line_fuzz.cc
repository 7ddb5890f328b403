#include <cstdlib>

#include "libmail/auth/password_file.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto entry = mail::auth::parse_password_line({reinterpret_cast<const char*>(data), size});
  if (entry && entry->identity.user.empty()) std::abort();
  return 0;
}
