// Cursor: the one way through untrusted octets. Reads forward over a view that it does not own; no
// index arithmetic outside. A failing read leaves the cursor where it was.
#pragma once

#include <cstddef>
#include <string_view>

#include "libmail/base/ascii.h"
#include "libmail/base/result.h"

namespace mail {

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] std::size_t position() const { return at_; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  // Octets from `begin` (an earlier position()) to here.
  [[nodiscard]] std::string_view since(std::size_t begin) const {
    return text_.substr(begin, at_ - begin);
  }
  // Next octet, or NUL at the end (test at_end() where NUL may occur).
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }
  [[nodiscard]] bool peek_is(char c) const { return !at_end() && text_[at_] == c; }
  // Back to an earlier position(), where a grammar has alternatives.
  void rewind(std::size_t position) { at_ = position < at_ ? position : at_; }

  char next() { return at_end() ? '\0' : text_[at_++]; }
  void skip(std::size_t count) { at_ += count < text_.size() - at_ ? count : text_.size() - at_; }
  bool consume(char c) { return peek_is(c) && (++at_, true); }
  bool consume(std::string_view word) {
    return rest().starts_with(word) && (at_ += word.size(), true);
  }
  bool consume_nocase(std::string_view word) {
    return ascii::istarts_with(rest(), word) && (at_ += word.size(), true);
  }
  // The longest run (may be empty) of octets for which pred(char) holds.
  template <class Predicate>
  std::string_view take_while(Predicate pred) {
    const std::size_t begin = at_;
    while (!at_end() && pred(text_[at_])) ++at_;
    return since(begin);
  }
  // Up to `count` octets.
  std::string_view take(std::size_t count) {
    const std::size_t begin = at_;
    skip(count);
    return since(begin);
  }
  Result<void> expect(char c) {
    if (consume(c)) return {};
    return fail(Errc::Syntax, std::string("expected '") + c + "'");
  }
  Result<void> expect_nocase(std::string_view word) {
    if (consume_nocase(word)) return {};
    return fail(Errc::Syntax, "expected \"" + std::string(word) + "\"");
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace mail
