#include "libmail/message/charset.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "libmail/base/ascii.h"
#include "libmail/base/utf8.h"

namespace mail::message {
namespace {

struct Alias {
  std::string_view label, iconv_name;
};

// Sorted by nothing; a few dozen comparisons per label are cheap beside iconv_open.
constexpr auto kAliases = std::to_array<Alias>({
    {"utf-8", "UTF-8"},
    {"utf8", "UTF-8"},
    {"unicode-1-1-utf-8", "UTF-8"},
    {"utf-8-mac", "UTF-8"},
    {"iso-8859-1", "CP1252"},
    {"iso8859-1", "CP1252"},
    {"iso_8859-1", "CP1252"},
    {"latin1", "CP1252"},
    {"iso-latin-1", "CP1252"},
    {"l1", "CP1252"},
    {"windows-1252", "CP1252"},
    {"cp1252", "CP1252"},
    {"cp-1252", "CP1252"},
    {"x-ansi", "CP1252"},
    {"ansi", "CP1252"},
    {"iso-8859-2", "ISO-8859-2"},
    {"iso8859-2", "ISO-8859-2"},
    {"latin2", "ISO-8859-2"},
    {"iso-8859-3", "ISO-8859-3"},
    {"iso-8859-4", "ISO-8859-4"},
    {"iso-8859-5", "ISO-8859-5"},
    {"iso-8859-6", "ISO-8859-6"},
    {"iso-8859-7", "ISO-8859-7"},
    {"iso-8859-8", "ISO-8859-8"},
    {"iso-8859-8-i", "ISO-8859-8"},
    {"iso-8859-9", "CP1254"},
    {"latin5", "CP1254"},
    {"iso-8859-10", "ISO-8859-10"},
    {"iso-8859-11", "CP874"},
    {"iso-8859-13", "ISO-8859-13"},
    {"iso-8859-14", "ISO-8859-14"},
    {"iso-8859-15", "ISO-8859-15"},
    {"iso8859-15", "ISO-8859-15"},
    {"latin9", "ISO-8859-15"},
    {"latin-9", "ISO-8859-15"},
    {"iso-8859-16", "ISO-8859-16"},
    {"windows-1250", "CP1250"},
    {"cp1250", "CP1250"},
    {"windows-1251", "CP1251"},
    {"cp1251", "CP1251"},
    {"windows-1253", "CP1253"},
    {"cp1253", "CP1253"},
    {"windows-1254", "CP1254"},
    {"cp1254", "CP1254"},
    {"windows-1255", "CP1255"},
    {"cp1255", "CP1255"},
    {"windows-1256", "CP1256"},
    {"cp1256", "CP1256"},
    {"windows-1257", "CP1257"},
    {"cp1257", "CP1257"},
    {"windows-1258", "CP1258"},
    {"cp1258", "CP1258"},
    {"windows-874", "CP874"},
    {"cp874", "CP874"},
    {"tis-620", "CP874"},
    {"koi8-r", "KOI8-R"},
    {"koi8", "KOI8-R"},
    {"koi8-u", "KOI8-U"},
    {"koi8-ru", "KOI8-U"},
    {"ibm437", "IBM437"},
    {"cp437", "IBM437"},
    {"ibm850", "IBM850"},
    {"cp850", "IBM850"},
    {"ibm852", "IBM852"},
    {"cp852", "IBM852"},
    {"ibm855", "IBM855"},
    {"cp855", "IBM855"},
    {"ibm866", "IBM866"},
    {"cp866", "IBM866"},
    {"macintosh", "MACINTOSH"},
    {"x-mac-roman", "MACINTOSH"},
    {"gb2312", "GB18030"},
    {"gbk", "GB18030"},
    {"gb18030", "GB18030"},
    {"gb_2312-80", "GB18030"},
    {"gb2312-80", "GB18030"},
    {"gb-2312", "GB18030"},
    {"csgb2312", "GB18030"},
    {"euc-cn", "GB18030"},
    {"cp936", "GB18030"},
    {"ms936", "GB18030"},
    {"windows-936", "GB18030"},
    {"x-gbk", "GB18030"},
    {"gb18030-2000", "GB18030"},
    {"chinese", "GB18030"},
    {"big5", "BIG5-HKSCS"},
    {"big-5", "BIG5-HKSCS"},
    {"x-big5", "BIG5-HKSCS"},
    {"cn-big5", "BIG5-HKSCS"},
    {"cp950", "BIG5-HKSCS"},
    {"windows-950", "BIG5-HKSCS"},
    {"big5-hkscs", "BIG5-HKSCS"},
    {"euc-tw", "EUC-TW"},
    {"shift_jis", "CP932"},
    {"shift-jis", "CP932"},
    {"sjis", "CP932"},
    {"x-sjis", "CP932"},
    {"cp932", "CP932"},
    {"windows-31j", "CP932"},
    {"ms_kanji", "CP932"},
    {"euc-jp", "EUC-JP-MS"},
    {"x-euc-jp", "EUC-JP-MS"},
    {"eucjp", "EUC-JP-MS"},
    {"iso-2022-jp", "ISO-2022-JP-3"},
    {"csiso2022jp", "ISO-2022-JP-3"},
    {"iso-2022-jp-1", "ISO-2022-JP-2"},
    {"iso-2022-jp-2", "ISO-2022-JP-2"},
    {"iso-2022-jp-3", "ISO-2022-JP-3"},
    {"euc-kr", "UHC"},
    {"euckr", "UHC"},
    {"ks_c_5601-1987", "UHC"},
    {"ks_c_5601", "UHC"},
    {"ksc5601", "UHC"},
    {"ksc_5601", "UHC"},
    {"ks_c_5601-1989", "UHC"},
    {"korean", "UHC"},
    {"cp949", "UHC"},
    {"windows-949", "UHC"},
    {"uhc", "UHC"},
    {"iso-2022-kr", "ISO-2022-KR"},
    {"viscii", "VISCII"},
    {"tcvn", "TCVN"},
    {"utf-7", "UTF-7"},
    {"unicode-1-1-utf-7", "UTF-7"},
    {"utf-16", "UTF-16"},
    {"utf-16le", "UTF-16LE"},
    {"utf-16be", "UTF-16BE"},
    {"utf-32", "UTF-32"},
});

constexpr auto kSaysNothing = std::to_array<std::string_view>(
    {"us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us", "iso_646.irv:1991", "646", "us"});

std::string clean_label(std::string_view label) {
  std::string cleaned;
  for (const char c : label) {
    if (!ascii::is_space(c) && c != '"' && c != '\'') cleaned += ascii::to_lower(c);
  }
  return cleaned;
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Owns an iconv descriptor.
class Converter {
 public:
  Converter(std::string_view to, std::string_view from)
      : handle_(::iconv_open(std::string(to).c_str(), std::string(from).c_str())) {}
  ~Converter() {
    if (is_open()) ::iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  [[nodiscard]] bool is_open() const {
    return handle_ != reinterpret_cast<iconv_t>(-1);  // NOLINT(performance-no-int-to-ptr): its API
  }

  enum class Stop { Done, Invalid, Incomplete };
  // Converts from the front of `in`, which afterwards begins at what was not converted.
  Stop convert(std::string_view& in, std::string& out) {
    std::array<char, 4096> buffer{};
    for (;;) {
      // iconv(3) takes char** but does not write to its input.
      char* from = const_cast<char*>(in.data());  // NOLINT
      std::size_t from_left = in.size();
      char* to = buffer.data();
      std::size_t to_left = buffer.size();
      const std::size_t result = ::iconv(handle_, &from, &from_left, &to, &to_left);
      const int error = errno;
      out.append(buffer.data(), buffer.size() - to_left);
      in.remove_prefix(in.size() - from_left);
      if (result != static_cast<std::size_t>(-1)) return Stop::Done;
      if (error == E2BIG) continue;
      return error == EINVAL ? Stop::Incomplete : Stop::Invalid;
    }
  }
  // Gives out what a stateful set still holds, and returns to the initial state.
  void flush(std::string& out) {
    std::array<char, 64> buffer{};
    char* to = buffer.data();
    std::size_t to_left = buffer.size();
    if (::iconv(handle_, nullptr, nullptr, &to, &to_left) != static_cast<std::size_t>(-1)) {
      out.append(buffer.data(), buffer.size() - to_left);
    }
  }

 private:
  iconv_t handle_;
};

}  // namespace

std::optional<std::string_view> find_charset(std::string_view label) {
  const std::string cleaned = clean_label(label);
  for (const Alias& alias : kAliases) {
    if (alias.label == cleaned) return alias.iconv_name;
  }
  return std::nullopt;
}

bool is_known_charset(std::string_view label) {
  return find_charset(label).has_value() || std::find(kSaysNothing.begin(), kSaysNothing.end(),
                                                      clean_label(label)) != kSaysNothing.end();
}

class CharsetDecoder::Impl {
 public:
  Impl(std::string_view label, std::string_view fallback) : fallback_(fallback) {
    const auto name = find_charset(label);
    if (name) choose(*name);
  }

  void feed(std::string_view octets, std::string& out) {
    if (!chosen_) {
      // US-ASCII goes through; from the first other octet on, enough is held to judge by.
      if (held_.empty()) {
        const auto first = static_cast<std::size_t>(
            std::find_if(octets.begin(), octets.end(), ascii::is_8bit) - octets.begin());
        out += octets.substr(0, first);
        octets.remove_prefix(first);
      }
      held_ += octets;
      if (held_.size() < kJudgedOctets) return;
      judge(false);
      octets = {};
    }
    held_ += octets;
    const std::string pending = std::move(held_);
    held_.clear();
    convert(pending, out);
  }

  void finish(std::string& out) {
    if (!chosen_) {
      if (held_.empty()) return;
      judge(true);
      const std::string pending = std::move(held_);
      held_.clear();
      convert(pending, out);
    }
    if (!held_.empty()) replace(out);  // a character cut short by the end
    held_.clear();
    if (converter_) converter_->flush(out);
  }

  [[nodiscard]] bool saw_invalid() const { return saw_invalid_; }

 private:
  static constexpr std::size_t kJudgedOctets = 8192;

  void choose(std::string_view iconv_name) {
    chosen_ = true;
    if (iconv_name == "UTF-8") return;  // ours, so that it is the same everywhere
    converter_ = std::make_unique<Converter>("UTF-8", iconv_name);
    if (!converter_->is_open()) converter_.reset();  // a gconv module that is not installed
  }

  void judge(bool at_end) {
    const std::string_view octets = held_;
    const bool is_utf8 =
        utf8::is_valid(at_end ? octets : octets.substr(0, utf8::incomplete_tail(octets)));
    choose(is_utf8 ? "UTF-8" : find_charset(fallback_).value_or("CP1252"));
  }

  void replace(std::string& out) {
    out += kReplacement;
    saw_invalid_ = true;
  }

  void convert(std::string_view octets, std::string& out) {
    if (!converter_) {
      const std::size_t whole = utf8::incomplete_tail(octets);
      held_ = octets.substr(whole);
      const auto text = octets.substr(0, whole);
      if (utf8::is_valid(text)) {
        out += text;
      } else {
        out += utf8::replace_invalid(text);
        saw_invalid_ = true;
      }
      return;
    }
    for (;;) {
      const auto stop = converter_->convert(octets, out);
      if (stop == Converter::Stop::Done) return;
      if (stop == Converter::Stop::Incomplete && octets.size() < kMaxIncomplete) {
        held_ = octets;
        return;
      }
      replace(out);
      octets.remove_prefix(octets.empty() ? 0 : 1);
    }
  }

  static constexpr std::size_t kMaxIncomplete = 16;  // no set of ours has longer sequences

  std::string fallback_;
  bool chosen_ = false;
  std::unique_ptr<Converter> converter_;  // none: UTF-8
  std::string held_;
  bool saw_invalid_ = false;
};

CharsetDecoder::CharsetDecoder(std::string_view label, std::string_view fallback)
    : impl_(std::make_unique<Impl>(label, fallback)) {}
CharsetDecoder::~CharsetDecoder() = default;
CharsetDecoder::CharsetDecoder(CharsetDecoder&&) noexcept = default;
CharsetDecoder& CharsetDecoder::operator=(CharsetDecoder&&) noexcept = default;
void CharsetDecoder::feed(std::string_view octets, std::string& out) { impl_->feed(octets, out); }
void CharsetDecoder::finish(std::string& out) { impl_->finish(out); }
bool CharsetDecoder::saw_invalid() const { return impl_->saw_invalid(); }

std::string to_utf8(std::string_view octets, std::string_view label, std::string_view fallback) {
  std::string out;
  CharsetDecoder decoder(label, fallback);
  decoder.feed(octets, out);
  decoder.finish(out);
  return out;
}

std::optional<std::string> from_utf8(std::string_view text, std::string_view label) {
  if (utf8::is_ascii(text)) return std::string(text);
  const auto name = find_charset(label);
  if (!name || !utf8::is_valid(text)) return std::nullopt;
  if (*name == "UTF-8") return std::string(text);
  Converter converter(*name, "UTF-8");
  std::string out;
  if (!converter.is_open() || converter.convert(text, out) != Converter::Stop::Done)
    return std::nullopt;
  converter.flush(out);
  return out;
}

void preload_charset(std::string_view label) { static_cast<void>(to_utf8("\xA1\xA1", label)); }

}  // namespace mail::message
