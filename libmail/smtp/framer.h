// Framing of SMTP: octets to command lines and to message data (RFC 5321 sections 2.3.8 and 4.5.2).
//
// Lines end with CRLF and nothing else. A bare LF, a bare CR or a NUL in a command is refused; in
// message data a bare CR or LF is remembered and the message refused whole (SMTP smuggling,
// CVE-2023-51764: a server that ends data at LF.LF takes what follows for commands). Any division
// of the input gives the same result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::smtp {

// Octets with CRLF. RFC 5321 section 4.5.3.1.4 asks for 512; extensions add to it (RFC 6531: 10 and
// SMTPUTF8 addresses, RFC 4954: AUTH's 12288); one limit that holds them all is simpler and
// bounded.
inline constexpr std::size_t kMaxCommandLine = 12288 + 16;

class LineFramer {
 public:
  void feed(std::string_view octets) { buffer_ += octets; }
  // Next whole line without CRLF; nothing: more input is needed. Syntax: not a line of SMTP;
  // TooLarge: longer than the limit. After an error the line is dropped and the next can be had.
  std::optional<Result<std::string>> next();
  // What was fed and not used: belongs to the data behind a command; empties the framer.
  std::string take_rest();
  [[nodiscard]] bool empty() const { return at_ == buffer_.size(); }
  void clear();

 private:
  std::string buffer_;
  std::size_t at_ = 0;        // what is before it is used
  std::size_t searched_ = 0;  // no LF before it
  bool skipping_ = false;     // inside a line that was too long
};

class DataDecoder {
 public:
  // Takes octets up to and including the end of the data ("." alone on a line, section 4.1.1.4);
  // gives them with LF line ends and without dot-stuffing to `out`. Returns how many were taken.
  std::size_t feed(std::string_view octets, std::string& out);
  [[nodiscard]] bool is_complete() const { return state_ == State::End; }
  [[nodiscard]] bool saw_bare_line_end() const { return bare_; }

 private:
  enum class State : std::uint8_t { LineStart, Text, Cr, Dot, DotCr, End };
  State state_ = State::LineStart;
  bool bare_ = false;
};

}  // namespace mail::smtp
