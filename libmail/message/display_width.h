// Width of UTF-8 text on a terminal in cells (a Chinese character has 2, a combining mark 0), and
// cutting to a width. Control characters count 0: make text printable first.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mail::message {

std::size_t display_width(std::string_view utf8);
// The longest beginning that is at most `cells` wide; no character is split from its marks.
std::string_view cut_to_width(std::string_view utf8, std::size_t cells);
// cut_to_width filled with spaces: on the right, or on the left for right-aligned columns.
std::string pad_to_width(std::string_view utf8, std::size_t cells, bool align_right = false);
// For a terminal: control characters (C1 ones and bidirectional overrides too, which can make text
// look like other text) become '?', tab and line feed stay; ill-formed octets become U+FFFD.
std::string make_printable(std::string_view utf8);

}  // namespace mail::message
