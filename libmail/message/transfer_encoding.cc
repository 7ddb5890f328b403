#include "libmail/message/transfer_encoding.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/base/base64.h"
#include "libmail/base/cursor.h"

namespace mail::message {
namespace {

constexpr std::array<std::int8_t, 256> make_digits() {
  std::array<std::int8_t, 256> digits{};
  digits.fill(-1);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits.at(static_cast<unsigned char>(kAlphabet.at(i))) = static_cast<std::int8_t>(i);
  }
  return digits;
}
constexpr auto kDigits = make_digits();

constexpr std::size_t kMaxHeldSpace = 4096;  // white space held before a line end; more is data
constexpr std::size_t kMaxEncodedLine = 76;  // RFC 2045 sections 6.7 and 6.8, without the line end

int hex_value(char c) {
  if (ascii::is_digit(c)) return c - '0';
  const char lower = ascii::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void put_octet(std::uint32_t value, std::string& out) {
  out += static_cast<char>(static_cast<unsigned char>(value & 0xFFU));
}

}  // namespace

TransferEncoding parse_transfer_encoding(std::string_view field_body) {
  Cursor in{field_body};
  std::string word;
  for (int depth = 0; !in.at_end();) {
    const char c = in.next();
    if (c == '(') ++depth;
    if (depth == 0 && !ascii::is_space(c) && c != '"' && c != ';') word += ascii::to_lower(c);
    if (depth == 0 && !word.empty() && (ascii::is_space(c) || c == ';')) break;
    if (c == ')' && depth > 0) --depth;
  }
  if (word.empty() || word == "7bit" || word == "8bit" || word == "binary" || word == "7-bit" ||
      word == "8-bit") {
    return TransferEncoding::Identity;
  }
  if (word == "quoted-printable") return TransferEncoding::QuotedPrintable;
  if (word == "base64") return TransferEncoding::Base64;
  return TransferEncoding::Unknown;
}

void TransferDecoder::feed(std::string_view octets, std::string& out) {
  switch (encoding_) {
    case TransferEncoding::Base64:
      return feed_base64(octets, out);
    case TransferEncoding::QuotedPrintable:
      for (const char c : octets) feed_quoted_printable(c, out);
      return;
    default:
      out += octets;
  }
}

void TransferDecoder::feed_base64(std::string_view octets, std::string& out) {
  for (const char c : octets) {
    const std::int8_t digit = kDigits.at(static_cast<unsigned char>(c));
    if (digit >= 0) {
      bits_ = (bits_ << 6U) | static_cast<std::uint32_t>(digit);
      if (++digits_ == 4) {
        put_octet(bits_ >> 16U, out);
        put_octet(bits_ >> 8U, out);
        put_octet(bits_, out);
        bits_ = 0;
        digits_ = 0;
      }
    } else if (c == '=') {
      end_base64_quantum(out);  // data behind padding is decoded too: bodies glued together occur
    } else if (!ascii::is_space(c)) {
      damaged_ = true;  // RFC 2045 section 6.8: ignored
    }
  }
}

void TransferDecoder::end_base64_quantum(std::string& out) {
  if (digits_ == 1) damaged_ = true;
  if (digits_ == 2) put_octet(bits_ >> 4U, out);
  if (digits_ == 3) {
    put_octet(bits_ >> 10U, out);
    put_octet(bits_ >> 2U, out);
  }
  bits_ = 0;
  digits_ = 0;
}

// held_ is empty, a run of white space, or begins with '='.
void TransferDecoder::feed_quoted_printable(char octet, std::string& out) {
  if (!held_.empty() && held_.front() == '=') {
    if (octet == '\n') {  // soft line break, perhaps with white space or CR behind the "="
      const bool soft = std::all_of(held_.begin() + 1, held_.end(), ascii::is_space);
      if (!soft) {
        out += held_ + octet;
        damaged_ = true;
      }
      held_.clear();
      return;
    }
    held_ += octet;
    const bool only_space = std::all_of(held_.begin() + 1, held_.end(), ascii::is_space);
    if (only_space && held_.size() < kMaxHeldSpace) return;
    const int high = hex_value(held_.size() > 1 ? held_[1] : '\0');
    if (held_.size() == 2 && high >= 0) return;
    const int low = held_.size() == 3 ? hex_value(held_[2]) : -1;
    if (high >= 0 && low >= 0) {
      put_octet(static_cast<std::uint32_t>(high * 16 + low), out);
      held_.clear();
      return;
    }
    // No escape: the '=' stands for itself, what follows is read anew.
    damaged_ = true;
    const std::string again = held_.substr(1);
    held_.clear();
    out += '=';
    for (const char c : again) feed_quoted_printable(c, out);
    return;
  }
  if (octet == '\n') {  // white space before a line end was added in transport: RFC 2045 rule 3
    if (held_.ends_with('\r')) out += '\r';
    out += '\n';
    held_.clear();
  } else if (ascii::is_wsp(octet) || octet == '\r') {
    held_ += octet;
    if (held_.size() >= kMaxHeldSpace) {
      out += held_;
      held_.clear();
    }
  } else {
    out += held_;
    held_.clear();
    if (octet == '=') {
      held_ = "=";
    } else {
      out += octet;
    }
  }
}

void TransferDecoder::finish(std::string& out) {
  if (encoding_ == TransferEncoding::Base64) end_base64_quantum(out);
  if (held_.starts_with('=') && !std::all_of(held_.begin() + 1, held_.end(), ascii::is_space)) {
    out += held_;
    damaged_ = true;
  }
  held_.clear();
}

std::string decode_transfer(std::string_view octets, TransferEncoding encoding) {
  std::string out;
  TransferDecoder decoder(encoding);
  decoder.feed(octets, out);
  decoder.finish(out);
  return out;
}

void Base64Encoder::put(std::string_view octets, std::string& out) {
  const std::string text = base64::encode(octets);
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t count = std::min(kMaxEncodedLine - column_, rest.size());
    out += rest.substr(0, count);
    rest.remove_prefix(count);
    column_ += count;
    if (column_ == kMaxEncodedLine) {
      out += '\n';
      column_ = 0;
    }
  }
}

void Base64Encoder::feed(std::string_view octets, std::string& out) {
  constexpr std::size_t kQuantum = 3;
  held_ += octets;
  const std::size_t whole = held_.size() - held_.size() % kQuantum;
  put(std::string_view(held_).substr(0, whole), out);
  held_.erase(0, whole);
}

void Base64Encoder::finish(std::string& out) {
  put(held_, out);
  held_.clear();
  if (column_ != 0) out += '\n';
  column_ = 0;
}

std::string encode_base64_lines(std::string_view octets) {
  std::string out;
  Base64Encoder encoder;
  encoder.feed(octets, out);
  encoder.finish(out);
  return out;
}

std::string encode_quoted_printable(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  while (!text.empty()) {
    const std::size_t line_feed = text.find('\n');
    const std::string_view line = text.substr(0, line_feed);
    std::size_t column = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      const bool last = i + 1 == line.size();
      const bool escape = (c < 0x20 && c != '\t') || c >= 0x7F || c == '=' ||
                          (last && ascii::is_wsp(c)) ||
                          (i == 0 && (line.starts_with("From ") || line == "."));
      const std::size_t width = escape ? 3 : 1;
      // Leave room for the "=" of a soft break, except where the line ends exactly here.
      if (column + width > (last ? kMaxEncodedLine : kMaxEncodedLine - 1)) {
        out += "=\n";
        column = 0;
      }
      if (escape) {
        const auto octet = static_cast<unsigned char>(c);
        out += '=';
        out += kHex.at(octet >> 4U);
        out += kHex.at(octet & 0x0FU);
      } else {
        out += c;
      }
      column += width;
    }
    if (line_feed == std::string_view::npos) {
      if (!line.empty()) out += "=\n";  // a soft break: the text had no line end here
      break;
    }
    out += '\n';
    text.remove_prefix(line_feed + 1);
  }
  return out;
}

}  // namespace mail::message
