// How a message is shown: From_ line, header fields by the filter, Status, and the text: of a
// multipart/alternative the text/plain part, of others each part that is text, decoded to UTF-8.
// Terminal control characters of the message never reach the screen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libmail/message/display_width.h"
#include "libmail/reader/folder.h"
#include "libmail/reader/variables.h"

namespace mail::reader {

inline constexpr std::size_t kMaxShownOctets = 16U << 20U;  // of one message; told when cut

struct RenderOptions {
  bool all_fields = false;  // Print, Type
  bool from_line = true;    // shown first
  bool text_only = false;   // bodies only: `write`
  std::string fallback_charset = "windows-1252";
};

// `octets`: the message as stored (Folder::read_all()).
std::string render_message(const Entry& entry, std::string_view octets, const FieldFilter& filter,
                           const RenderOptions& options);
// The text alone, decoded: for quoting in replies.
std::string render_text(const Entry& entry, std::string_view octets, const RenderOptions& options);
// The message with its Status field replaced by `status` ("RO"), for ~/mbox.
std::string with_status(std::string_view octets, std::string_view status);

}  // namespace mail::reader
