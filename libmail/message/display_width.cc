#include "libmail/message/display_width.h"

#include <utf8proc.h>

#include <algorithm>

#include "libmail/base/utf8.h"

namespace mail::message {
namespace {

std::size_t width_of(char32_t c) {
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return 0;
  if (c < 0x7F) return 1;
  const int width = utf8proc_charwidth(static_cast<utf8proc_int32_t>(c));
  return width > 0 ? static_cast<std::size_t>(width) : 0;
}

bool changes_direction(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  Cursor in{text};
  while (!in.at_end()) width += width_of(utf8::next(in).value);
  return width;
}

std::string_view cut_to_width(std::string_view text, std::size_t cells) {
  Cursor in{text};
  std::size_t width = 0;
  while (!in.at_end()) {
    const std::size_t begin = in.position();
    width += width_of(utf8::next(in).value);
    if (width > cells) return text.substr(0, begin);
  }
  return text;
}

std::string pad_to_width(std::string_view text, std::size_t cells, bool align_right) {
  const std::string_view cut = cut_to_width(text, cells);
  const std::string fill(cells - std::min(cells, display_width(cut)), ' ');
  return align_right ? fill + std::string(cut) : std::string(cut) + fill;
}

std::string make_printable(std::string_view text) {
  std::string out;
  Cursor in{text};
  while (!in.at_end()) {
    const char32_t c = utf8::next(in).value;
    const bool control = (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7F && c < 0xA0);
    utf8::append(out, control || changes_direction(c) ? U'?' : c);
  }
  return out;
}

}  // namespace mail::message
