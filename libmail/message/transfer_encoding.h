// Content-Transfer-Encoding (RFC 2045 section 6): streaming decoders and encoders.
//
// Decoders never fail. They take LF and CRLF line ends, skip octets that have no meaning (and
// remember that they did), and give the same result for any division of their input into pieces.
// Encoders write LF line ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mail::message {

enum class TransferEncoding : std::uint8_t {
  Identity,  // 7bit, 8bit, binary, none
  QuotedPrintable,
  Base64,
  Unknown,  // RFC 2045 section 6.4: treat the body as application/octet-stream
};

// A field body; comments and case do not matter.
TransferEncoding parse_transfer_encoding(std::string_view field_body);

class TransferDecoder {
 public:
  explicit TransferDecoder(TransferEncoding encoding) : encoding_(encoding) {}

  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);
  // Octets were skipped or an escape was read as it stood.
  [[nodiscard]] bool saw_damage() const { return damaged_; }

 private:
  void feed_base64(std::string_view octets, std::string& out);
  void feed_quoted_printable(char octet, std::string& out);
  void end_base64_quantum(std::string& out);

  TransferEncoding encoding_;
  bool damaged_ = false;
  std::uint32_t bits_ = 0;  // base64: digits collected
  int digits_ = 0;          // base64: how many
  std::string held_;        // quoted-printable: white space, or an escape not yet whole
};

std::string decode_transfer(std::string_view octets, TransferEncoding encoding);

// 76 characters to a line (section 6.8). finish() ends the last line.
class Base64Encoder {
 public:
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);

 private:
  void put(std::string_view octets, std::string& out);
  std::string held_;
  std::size_t column_ = 0;
};

// Text with LF line ends (section 6.7). "From " at the beginning of a line and a line of a single
// dot are escaped too, since mailboxes and transports alter them (RFC 2049 section 3).
std::string encode_quoted_printable(std::string_view text);
std::string encode_base64_lines(std::string_view octets);

}  // namespace mail::message
