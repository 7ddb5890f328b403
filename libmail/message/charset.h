// Character sets to UTF-8, by iconv behind an allow-list: nothing a stranger writes reaches
// iconv_open unmapped, and converters with a history of memory errors (ISO-2022-CN-EXT) are not on
// it.
//
// Labels are read as the widest set that mail in practice means by them: gb2312 and gbk as GB18030,
// ks_c_5601-1987 as CP949 (UHC), iso-8859-1 as windows-1252, shift_jis as CP932. Nothing fails:
// octets without meaning become U+FFFD. Text without a label, labelled US-ASCII or with a label we
// do not know is UTF-8 if it is well-formed, otherwise the set the caller names.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mail::message {

inline constexpr std::string_view kDefaultFallback = "windows-1252";

// The set's name as iconv has it, or nothing if it is not on the list. "" and "us-ascii" and the
// like are nothing too: they say no more than no label.
std::optional<std::string_view> find_charset(std::string_view label);
// True for a label that names a known set, US-ASCII included: IMAP SEARCH's BADCHARSET asks.
bool is_known_charset(std::string_view label);

// Streaming conversion. Octets of an unfinished character wait for the next piece.
class CharsetDecoder {
 public:
  // `label` may have any case and be quoted or unknown; `fallback` is a label too.
  explicit CharsetDecoder(std::string_view label, std::string_view fallback = kDefaultFallback);
  ~CharsetDecoder();
  CharsetDecoder(CharsetDecoder&&) noexcept;
  CharsetDecoder& operator=(CharsetDecoder&&) noexcept;
  CharsetDecoder(const CharsetDecoder&) = delete;
  CharsetDecoder& operator=(const CharsetDecoder&) = delete;

  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);
  [[nodiscard]] bool saw_invalid() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

std::string to_utf8(std::string_view octets, std::string_view label,
                    std::string_view fallback = kDefaultFallback);

// UTF-8 to `label`, for composing: nothing if the set is unknown or cannot hold the text.
std::optional<std::string> from_utf8(std::string_view text, std::string_view label);

// Opens a converter once, so that a role that is about to be confined has its file loaded.
void preload_charset(std::string_view label);

}  // namespace mail::message
