// Message data: whole and cut in two must agree, and nothing is ever invented.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>

#include "libmail/smtp/framer.h"

namespace {

std::tuple<std::string, std::size_t, bool, bool> run(std::string_view octets, std::size_t cut) {
  mail::smtp::DataDecoder decoder;
  std::string text;
  std::size_t taken = decoder.feed(octets.substr(0, cut), text);
  if (taken == cut) taken += decoder.feed(octets.substr(cut), text);
  return {text, taken, decoder.is_complete(), decoder.saw_bare_line_end()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets{reinterpret_cast<const char*>(data), size};
  const auto whole = run(octets, size);
  if (run(octets, size / 2) != whole || run(octets, size / 3) != whole) std::abort();
  if (std::get<0>(whole).size() > size) std::abort();
  if (std::get<2>(whole) && !octets.substr(0, std::get<1>(whole)).ends_with(".\r\n")) std::abort();
  return 0;
}
