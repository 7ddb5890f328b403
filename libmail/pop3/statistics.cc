#include "libmail/pop3/statistics.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::pop3 {
namespace {

struct Variable {
  std::string_view letter, name;
  std::string value;
};

}  // namespace

std::uint32_t crc32(std::string_view octets) {
  std::uint32_t sum = 0xffffffffU;
  for (const char c : octets) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~sum;
}

std::string logout_text(std::string_view format, const Statistics& statistics) {
  const auto variables = std::to_array<Variable>({
      {"i", "input", std::to_string(statistics.input)},
      {"o", "output", std::to_string(statistics.output)},
      {"t", "top_count", std::to_string(statistics.top)},
      {"p", "top_bytes", std::to_string(statistics.top_octets)},
      {"r", "retr_count", std::to_string(statistics.retrieved)},
      {"b", "retr_bytes", std::to_string(statistics.retrieved_octets)},
      {"d", "deleted_count", std::to_string(statistics.deleted)},
      {"", "deleted_bytes", std::to_string(statistics.deleted_octets)},
      {"m", "message_count", std::to_string(statistics.messages)},
      {"s", "message_bytes", std::to_string(statistics.octets)},
      {"u", "uidl_change", statistics.uidls},
  });
  std::string text;
  Cursor in{format};
  while (!in.at_end()) {
    text += in.take_while([](char c) { return c != '%'; });
    if (!in.consume('%') || in.at_end()) break;
    const bool is_long = in.consume('{');
    const auto name = is_long ? in.take_while([](char c) { return c != '}'; }) : in.take(1);
    if (is_long) in.consume('}');
    const auto found = std::find_if(variables.begin(), variables.end(), [&](const Variable& one) {
      return name == (is_long ? one.name : one.letter);
    });
    if (name == "%" && !is_long) {
      text += '%';
    } else if (found != variables.end()) {
      text += found->value;
    } else {
      text.append("UNSUPPORTED_VARIABLE_").append(name);
    }
  }
  return text;
}

}  // namespace mail::pop3
