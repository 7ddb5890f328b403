// Decoding gives one line of UTF-8; text that is encoded is read back.
#include <cstdint>
#include <cstdlib>

#include "libmail/base/utf8.h"
#include "libmail/message/content_type.h"
#include "libmail/message/encoded_word.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::message;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const std::string text = decode_encoded_words(octets);
  if (!mail::utf8::is_valid(text)) std::abort();
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) std::abort();
  const std::string encoded = encode_text(octets);
  if (!mail::utf8::is_ascii(encoded)) std::abort();
  for (const char c : encode_phrase(octets)) {
    if (mail::ascii::is_control(c)) std::abort();
  }
  const auto type = parse_content_type(octets);
  for (const auto& parameter : type.parameters.all()) {
    const auto value = type.parameters.find(parameter.name);
    if (value && !mail::utf8::is_valid(*value)) std::abort();
  }
  return 0;
}
