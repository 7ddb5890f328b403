#include "libmail/address/lexer.h"

#include "libmail/base/cursor.h"

namespace mail::address {
namespace {

class Lexer {
 public:
  Lexer(std::string_view text, std::string_view specials, std::vector<LexDefect>& defects)
      : in_(text), specials_(specials), defects_(defects) {}

  std::vector<Token> run() {
    while (!in_.at_end()) read_token();
    return std::move(tokens_);
  }

 private:
  // An opener that found no partner once finds none later: this keeps the time linear.
  struct Unclosed {
    bool quote = false, comment = false, literal = false;
  };

  void read_token() {
    if (!in_.take_while(ascii::is_space).empty()) {
      space_ = true;
      return;
    }
    const std::size_t begin = in_.position();
    const char c = in_.peek();
    std::string text;
    if (c == '"' && !unclosed_.quote) {
      if (read_quoted(text)) return push(TokenKind::QuotedString, begin, std::move(text));
      unclosed_.quote = true;
    } else if (c == '(' && !unclosed_.comment) {
      if (read_comment(text)) {
        push(TokenKind::Comment, begin, std::move(text));
        space_ = true;
        return;
      }
      unclosed_.comment = true;
    } else if (c == '[' && !unclosed_.literal) {
      if (read_literal(text)) return push(TokenKind::DomainLiteral, begin, std::move(text));
      unclosed_.literal = true;
    } else if (specials_.find(c) != std::string_view::npos) {
      return push(TokenKind::Special, begin, std::string(1, in_.next()));
    }
    read_atom(begin);
  }

  void read_atom(std::size_t begin) {
    std::string text;
    do {
      const char c = in_.peek();
      if (c == '"' || c == '(' || c == ')' || c == '[') defects_.push_back({c, in_.position()});
      if (ascii::is_control(c)) defects_.push_back({'\0', in_.position()});
      text += in_.next();
    } while (!in_.at_end() && goes_on(in_.peek()));
    push(TokenKind::Atom, begin, std::move(text));
  }

  bool goes_on(char c) const {
    if (ascii::is_space(c) || specials_.find(c) != std::string_view::npos) return false;
    if (c == '"') return unclosed_.quote;
    if (c == '(') return unclosed_.comment;
    if (c == '[') return unclosed_.literal;
    return true;
  }

  // An octet of a quoted-string or comment, `c` being read already. The line end of a fold is not
  // part of the text; NUL is nowhere allowed.
  static void append_content(Cursor& look, char c, std::string& text) {
    if (c == '\\' && !look.at_end()) c = look.next();
    if (c != '\r' && c != '\n' && c != '\0') text += c;
  }

  // Each reads from the opener behind the closer, or nothing and false.
  bool read_quoted(std::string& text) {
    Cursor look = in_;
    look.skip(1);
    while (!look.at_end()) {
      const char c = look.next();
      if (c == '"') {
        in_ = look;
        return true;
      }
      append_content(look, c, text);
    }
    return false;
  }

  bool read_comment(std::string& text) {
    Cursor look = in_;
    std::size_t depth = 0;
    while (!look.at_end()) {
      const char c = look.next();
      if (c == '(' && ++depth == 1) continue;
      if (c == ')' && --depth == 0) {
        in_ = look;
        text = ascii::trim(text);
        return true;
      }
      append_content(look, c, text);
    }
    return false;
  }

  bool read_literal(std::string& text) {
    Cursor look = in_;
    while (!look.at_end()) {
      const char c = look.next();
      if (!ascii::is_space(c) && c != '\0') text += c;
      if (c == ']') {
        in_ = look;
        return true;
      }
    }
    return false;
  }

  void push(TokenKind kind, std::size_t offset, std::string text) {
    tokens_.push_back({kind, space_, offset, std::move(text)});
    space_ = false;
  }

  Cursor in_;
  std::string_view specials_;
  std::vector<LexDefect>& defects_;
  std::vector<Token> tokens_;
  Unclosed unclosed_;
  bool space_ = false;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text, std::string_view specials,
                            std::vector<LexDefect>& defects) {
  return Lexer(text, specials, defects).run();
}

}  // namespace mail::address
