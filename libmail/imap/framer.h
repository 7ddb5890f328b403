// Framer: octets -> complete commands of IMAP, literals included (RFC 3501 section 4.3, RFC 7888).
//
// A command's text is kept as it came: "a1 LOGIN {4}\r\njohn {6}\r\nsecret", without the last CRLF,
// so that the parser sees the RFC's own grammar. When a literal is announced the framer stops and
// its owner says what becomes of it: collected into the text, streamed out in pieces (APPEND), or
// skipped. Any chunking of the input gives the same sequence of events.
//
// In lines bare CR, bare LF and NUL are faults; a bare LF ends the line nevertheless, so that the
// peer gets its BAD at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mail::imap {

struct Literal {
  std::uint64_t size = 0;        // octets
  bool synchronizing = true;     // {n}: the peer waits for "+"; {n+} comes at once
  bool is_representable = true;  // false: the number does not fit
};

class Framer {
 public:
  struct Limits {
    std::size_t command = 64U << 10U;  // octets of text with collected literals
  };
  enum class Event : std::uint8_t {
    NeedInput,
    Complete,   // text() is a whole command; next() starts another
    Announced,  // literal() follows in text(); choose collect(), stream() or skip()
    Chunk,      // chunk() of a streamed literal
    Streamed,   // the streamed literal is complete; the line goes on
    TooLong,    // beyond the limit; the connection cannot go on
  };

  explicit Framer(Limits limits) : limits_(limits) {}

  void feed(std::string_view octets);
  Event next();

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] bool is_faulty() const { return faulty_; }
  [[nodiscard]] const Literal& literal() const { return literal_; }
  [[nodiscard]] std::string_view chunk() const { return chunk_; }  // until the next call of next()
  // Whether the announced literal fits with what is collected already.
  [[nodiscard]] bool has_room_for_literal() const;

  void collect();
  void stream();
  void skip();          // read past it and forget it; its command goes on
  void drop_command();  // the peer keeps a synchronizing literal to itself: its command is over

  // Octets fed and not yet used; the framer is empty afterwards.
  std::string take_unread();
  [[nodiscard]] bool has_unread() const { return at_ < input_.size(); }
  void forget();  // everything, input included (STARTTLS), secrets wiped

 private:
  enum class State : std::uint8_t { Line, Announced, Collecting, Streaming, Skipping };
  void begin_command();
  Event take_line();
  Event end_line(std::size_t line_feed);

  Limits limits_;
  State state_ = State::Line;
  std::string input_;
  std::size_t at_ = 0;
  std::string text_;
  std::size_t line_begin_ = 0;  // in text_: after the last literal
  bool command_done_ = false;
  bool faulty_ = false;
  Literal literal_;
  std::uint64_t remaining_ = 0;
  std::string_view chunk_;
};

}  // namespace mail::imap
