// Line ends: between CRLF (the wire, RFC 5321 section 2.3.8) and LF (files), for streams fed in
// pieces of any size; counting; and the quoting of "From " lines in an mbox.
//
// A CR that does not stand before LF is kept as it is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace mail::message {

// LF or CRLF in, CRLF out, up to twice as much. Nothing is held back.
class ToCrlf {
 public:
  // As far as `out` has room, which is filled if octets are left. Takes what it gave from `octets`;
  // returns how many it gave.
  std::size_t feed(std::string_view& octets, std::span<char> out);
  // Whether a line that was begun since this was asked last begins with a dot.
  bool has_met_dot() { return std::exchange(has_met_dot_, false); }

 private:
  char last_ = '\n';  // given
  bool has_met_dot_ = false;
};

// CRLF or LF in, LF out. A CR at the end of a piece is held until the next; finish() gives it out.
class ToLf {
 public:
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);

 private:
  bool held_cr_ = false;
};

std::string to_crlf(std::string_view octets);
std::string to_lf(std::string_view octets);

// Size as stored and as it would be with CRLF throughout (IMAP's RFC822.SIZE, POP3's LIST), and the
// number of line ends.
class LineCounter {
 public:
  void feed(std::string_view octets);
  [[nodiscard]] std::uint64_t octets() const { return octets_; }
  [[nodiscard]] std::uint64_t crlf_octets() const { return octets_ + bare_line_feeds_; }
  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  [[nodiscard]] bool ends_in_line_end() const { return last_ == '\n'; }

 private:
  std::uint64_t octets_ = 0;
  std::uint64_t bare_line_feeds_ = 0;
  std::uint64_t lines_ = 0;
  char last_ = '\0';
};

// Puts '>' before lines that begin with "From " (as Postfix does; ">From " is left alone), and
// finish() adds the last line end if it is missing. Fed LF lines in pieces of any size.
class FromQuoter {
 public:
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);

 private:
  std::size_t matched_ =
      0;  // octets of "From " seen at the beginning of this line, not yet given out
  bool at_line_start_ = true;
};

}  // namespace mail::message
