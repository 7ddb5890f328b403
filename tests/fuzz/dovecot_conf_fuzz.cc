// Any octets as dovecot.conf: load gives a configuration or mistakes; what it gives can be printed.
#include <cstddef>
#include <cstdint>
#include <string>

#include "libmail/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::config;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find("!include") != std::string::npos) return 0;  // stays off the file system
  if (text.find('/') != std::string::npos) return 0;         // neither /file items
  const Host host{"mail.linuxprobe.com", "", {{"127.0.0.1", 8}}};
  const auto loaded = load_text({{{Grammar::Dovecot, "/f/dovecot.conf"}, text}}, host);
  if (!loaded) {
    if (loaded.error().empty() || render(loaded.error()).empty()) __builtin_trap();
  } else if (loaded->print().empty()) {
    __builtin_trap();
  }
  return 0;
}
