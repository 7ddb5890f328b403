// Lexical tokens of structured header fields (RFC 5322 section 3.2), read tolerantly: every octet
// ends up in a token, unclosed quotes, comments and literals are read as ordinary characters.
// Used by the address list and by message/ for other structured fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mail::address {

enum class TokenKind : std::uint8_t { Atom, QuotedString, Comment, DomainLiteral, Special };

struct Token {
  TokenKind kind = TokenKind::Atom;
  bool space_before = false;  // white space or a comment stands before it
  std::size_t offset = 0;
  std::string text;  // without quotes, parentheses and backslashes; a literal keeps its brackets

  [[nodiscard]] bool is(char special) const {
    return kind == TokenKind::Special && text.front() == special;
  }
};

struct LexDefect {
  char opener;  // '"', '(' or '[' without its partner; ')' and others stray; NUL: control character
  std::size_t offset;
};

// `specials` are the characters that make tokens of their own (other than quotes and parentheses).
std::vector<Token> tokenize(std::string_view text, std::string_view specials,
                            std::vector<LexDefect>& defects);

}  // namespace mail::address
