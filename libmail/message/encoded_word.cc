#include "libmail/message/encoded_word.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/base64.h"
#include "libmail/base/utf8.h"
#include "libmail/message/header_section.h"

namespace mail::message {
namespace {

constexpr std::size_t kMaxWordTaken = 4096;  // longer ones than 75 occur; this bounds the search

struct EncodedWord {
  std::string charset;
  char encoding = 'Q';  // or 'B'
  std::string_view text;
};

int hex_value(char c) {
  if (ascii::is_digit(c)) return c - '0';
  const char lower = ascii::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
std::optional<EncodedWord> parse_encoded_word(Cursor& in) {
  const std::size_t begin = in.position();
  const auto give_up = [&]() -> std::optional<EncodedWord> {
    in.rewind(begin);
    return std::nullopt;
  };
  if (!in.consume("=?")) return std::nullopt;
  EncodedWord word;
  const auto charset = in.take_while([](char c) { return ascii::is_visible(c) && c != '?'; });
  word.charset = charset.substr(0, charset.find('*'));  // RFC 2231 section 5: language
  if (word.charset.empty() || word.charset.size() > 64 || !in.consume('?')) return give_up();
  word.encoding = ascii::to_upper(in.next());
  if ((word.encoding != 'B' && word.encoding != 'Q') || !in.consume('?')) return give_up();
  const std::string_view rest = in.rest().substr(0, kMaxWordTaken);
  const std::size_t end = rest.find("?=");
  if (end == std::string_view::npos) return give_up();
  word.text = rest.substr(0, end);
  in.skip(end + 2);
  return word;
}

std::string decode_q(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '=' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(
          static_cast<unsigned char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
      i += 2;
    } else {
      out += c == '_' ? ' ' : c;
    }
  }
  return out;
}

// Collects the words of one run and converts them when charset changes or the run ends.
class Run {
 public:
  Run(std::string& out, std::string_view fallback) : out_(out), fallback_(fallback) {}

  [[nodiscard]] bool active() const { return active_; }

  void add(const EncodedWord& word) {
    if (active_ && !ascii::iequals(word.charset, charset_)) end();
    active_ = true;
    charset_ = word.charset;
    if (word.encoding == 'Q') {
      end_base64();
      octets_ += decode_q(word.text);
      return;
    }
    // Some mailers cut the base64 text itself in two, not at a multiple of four: text that is not
    // padded goes on in the next word.
    for (const char c : word.text) {
      if (!ascii::is_space(c)) base64_ += c;
    }
    if (base64_.size() % 4 == 0 || base64_.ends_with('=')) end_base64();
  }

  void end() {
    if (!active_) return;
    end_base64();
    out_ += to_utf8(octets_, charset_, fallback_);
    octets_.clear();
    active_ = false;
  }

 private:
  void end_base64() {
    octets_ += base64::decode_lenient(base64_);
    base64_.clear();
  }

  std::string& out_;
  std::string_view fallback_;
  bool active_ = false;
  std::string charset_, octets_, base64_;
};

void flatten_controls(std::string& text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
}

// Generation.

std::string encode_q(std::string_view octets) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "!*+-/";  // RFC 2047 section 5 (3): right in phrases too
  std::string out;
  for (const char c : octets) {
    if (ascii::is_alnum(c) || kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else if (c == ' ') {
      out += '_';
    } else {
      const auto octet = static_cast<unsigned char>(c);
      out += '=';
      out += kHex.at(octet >> 4U);
      out += kHex.at(octet & 0x0FU);
    }
  }
  return out;
}

std::string wrap_words(std::string_view utf8, std::size_t column) {
  constexpr std::string_view kOpen = "=?UTF-8?";
  constexpr std::size_t kOverhead = 12;  // "=?UTF-8?B?" and "?="
  constexpr std::size_t kSmallest = 16;  // of text: always room for one character
  constexpr std::size_t kLine = 76;      // RFC 2047 section 2: a line that holds an encoded word
  const bool use_q = encode_q(utf8).size() <= (utf8.size() + 2) / 3 * 4;
  std::string out;
  std::string piece;
  std::size_t room = column + kOverhead + kSmallest < kLine
                         ? std::min(kLine - column, kMaxEncodedWord) - kOverhead
                         : kMaxEncodedWord - kOverhead;
  const auto size_of = [&](const std::string& octets) {
    return use_q ? encode_q(octets).size() : (octets.size() + 2) / 3 * 4;
  };
  const auto close = [&] {
    if (piece.empty()) return;
    if (!out.empty()) out += ' ';
    out +=
        std::string(kOpen) + (use_q ? "Q?" + encode_q(piece) : "B?" + base64::encode(piece)) + "?=";
    piece.clear();
    room = kMaxEncodedWord - kOverhead;
  };
  Cursor in{utf8};
  while (!in.at_end()) {
    const std::size_t begin = in.position();
    static_cast<void>(utf8::next(in));
    const std::string longer = piece + std::string(in.since(begin));
    if (size_of(longer) > room) close();
    piece += in.since(begin);
  }
  close();
  return out;
}

bool must_be_encoded(std::string_view word) {
  return !utf8::is_ascii(word) || word.find("=?") != std::string_view::npos;
}

}  // namespace

std::string decode_encoded_words(std::string_view raw, std::string_view fallback) {
  const std::string text = unfold(raw);
  std::string out;
  Run run(out, fallback);
  Cursor in{text};
  std::string plain;  // unencoded octets, converted together
  const auto end_plain = [&] {
    if (!plain.empty()) out += utf8::is_ascii(plain) ? plain : to_utf8(plain, "", fallback);
    plain.clear();
  };
  while (!in.at_end()) {
    if (in.peek_is('=')) {
      if (const auto word = parse_encoded_word(in)) {
        end_plain();
        run.add(*word);
        // RFC 2047 section 6.2: white space between two encoded words is not shown.
        const std::size_t behind = in.position();
        in.take_while(ascii::is_space);
        Cursor look = in;
        if (!look.peek_is('=') || !parse_encoded_word(look)) in.rewind(behind);
        continue;
      }
    }
    run.end();
    plain += in.next();
    // A "=?" that begins no encoded word was looked at once; all up to the next '=' is plain.
    plain += in.take_while([](char c) { return c != '='; });
  }
  run.end();
  end_plain();
  flatten_controls(out);
  return out;
}

std::string decode_name(const address::NameAddr& address, std::string_view fallback) {
  return decode_encoded_words(address.name(), fallback);
}

std::string encode_text(std::string_view text, std::size_t column) {
  std::string clean = utf8::is_valid(text) ? std::string(text) : utf8::replace_invalid(text);
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return ascii::is_control(c) && c != '\t'; }, ' ');
  if (!must_be_encoded(clean)) return clean;
  // Words that need encoding, together with what stands between two of them, make one run.
  std::string out;
  Cursor in{clean};
  std::string run;     // to be encoded
  std::string spaces;  // between the last word and this one
  const auto end_run = [&] {
    if (!run.empty()) out += wrap_words(run, column + out.size());
    run.clear();
  };
  while (!in.at_end()) {
    const auto word = in.take_while([](char c) { return !ascii::is_wsp(c); });
    if (must_be_encoded(word)) {
      if (run.empty()) {
        out += spaces;
      } else {
        run += spaces;
      }
      run += word;
    } else if (!word.empty()) {
      end_run();
      out += spaces;
      out += word;
    }
    spaces = in.take_while(ascii::is_wsp);
  }
  end_run();
  return out + spaces;
}

std::string encode_phrase(std::string_view text, std::size_t column) {
  std::string clean = utf8::is_valid(text) ? std::string(text) : utf8::replace_invalid(text);
  std::replace_if(clean.begin(), clean.end(), ascii::is_control, ' ');
  if (!must_be_encoded(clean)) return address::quote_phrase(clean);
  return wrap_words(clean, column);  // whole, since atoms and specials would need quoting beside it
}

}  // namespace mail::message
