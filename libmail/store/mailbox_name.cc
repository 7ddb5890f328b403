#include "libmail/store/mailbox_name.h"

#include <cstdint>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/utf8.h"

namespace mail::store {
namespace {

// RFC 3501 section 5.1.3: base64 with ',' for '/', without padding, of UTF-16 big endian.
constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

class Utf16Writer {
 public:
  explicit Utf16Writer(std::string& out) : out_(out) {}
  void put(char32_t c) {
    if (c >= 0x10000) {
      c -= 0x10000;
      put_unit(static_cast<std::uint32_t>(0xd800 + (c >> 10U)));
      c = 0xdc00 + (c & 0x3ffU);
    }
    put_unit(static_cast<std::uint32_t>(c));
  }
  void finish() {
    if (bits_ > 0) out_ += kDigits.at((held_ << (6 - bits_)) & 0x3fU);
  }

 private:
  void put_unit(std::uint32_t unit) {
    held_ = (held_ << 16U) | unit;
    bits_ += 16;
    while (bits_ >= 6) {
      bits_ -= 6;
      out_ += kDigits.at((held_ >> bits_) & 0x3fU);
    }
    held_ &= (1U << bits_) - 1U;
  }
  std::string& out_;
  std::uint32_t held_ = 0;
  unsigned bits_ = 0;
};

// One shifted run; false if it is not well formed.
bool decode_run(std::string_view digits, std::string& out) {
  std::uint32_t held = 0;
  unsigned bits = 0;
  char32_t high = 0;
  for (const char digit : digits) {
    const auto value = kDigits.find(digit);
    if (value == std::string_view::npos) return false;
    held = (held << 6U) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 16) continue;
    bits -= 16;
    const char32_t unit = (held >> bits) & 0xffffU;
    held &= (1U << bits) - 1U;
    if (unit >= 0xd800 && unit < 0xdc00) {
      if (high != 0) return false;
      high = unit;
    } else if (unit >= 0xdc00 && unit < 0xe000) {
      if (high == 0) return false;
      utf8::append(out, 0x10000 + ((high - 0xd800) << 10U) + (unit - 0xdc00));
      high = 0;
    } else {
      if (high != 0) return false;
      utf8::append(out, unit);
    }
  }
  return high == 0 && held == 0;
}

}  // namespace

tl::unexpected<Error> impossible(std::string text) {
  return fail(Errc::Denied, EnhancedStatus{5, 3, 3}, std::move(text));
}

tl::unexpected<Error> cannot(std::string_view why) {
  return impossible("Mailbox name not allowed: " + std::string(why));
}

Result<std::string> check_mailbox_name(std::string_view name) {
  if (name.empty()) return cannot("it is empty");
  if (name.front() == '/' || name.front() == '~') return cannot("it begins with '/' or '~'");
  if (!utf8::is_valid(name)) return cannot("it is not UTF-8");
  for (const char c : name) {
    if (ascii::is_control(c)) return cannot("it has control characters");
  }
  const auto levels = ascii::split(name, '/');
  if (levels.size() > kMaxLevels) return cannot("too many levels");
  for (const auto level : levels) {
    if (level.empty()) return cannot("an empty level");
    if (level == "." || level == "..") return cannot("\".\" or \"..\" as a level");
  }
  std::string result(name);
  if (ascii::istarts_with(name, "INBOX") && (name.size() == 5 || name.at(5) == '/')) {
    result.replace(0, 5, "INBOX");
  }
  if (to_modified_utf7(result).size() > kMaxMailboxName) return cannot("it is too long");
  return result;
}

std::string to_modified_utf7(std::string_view name) {
  std::string out;
  Cursor in{name};
  while (!in.at_end()) {
    if (ascii::is_printable(in.peek())) {
      const char c = in.next();
      out += c;
      if (c == '&') out += '-';
      continue;
    }
    out += '&';
    Utf16Writer writer{out};
    while (!in.at_end() && !ascii::is_printable(in.peek())) {
      writer.put(utf8::next(in).value);
    }
    writer.finish();
    out += '-';
  }
  return out;
}

std::string from_modified_utf7(std::string_view text) {
  std::string out;
  Cursor in{text};
  while (!in.at_end()) {
    out += in.take_while([](char c) { return c != '&'; });
    if (!in.consume('&')) break;
    const auto digits = in.take_while([](char c) { return c != '-'; });
    if (!in.consume('-')) return std::string(text);
    if (digits.empty()) {
      out += '&';
    } else if (!decode_run(digits, out)) {
      return std::string(text);
    }
  }
  return utf8::is_valid(out) ? out : std::string(text);
}

}  // namespace mail::store
