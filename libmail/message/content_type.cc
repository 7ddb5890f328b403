#include "libmail/message/content_type.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/utf8.h"
#include "libmail/message/encoded_word.h"
#include "libmail/message/header_section.h"

namespace mail::message {
namespace {

constexpr bool is_token(char c) {  // RFC 2045 section 5.1
  constexpr std::string_view kTspecials = "()<>@,;:\\/[]?=\"";
  return ascii::is_visible(c) && kTspecials.find(c) == std::string_view::npos;
}

// White space and comments.
void skip_cfws(Cursor& in) {
  for (;;) {
    in.take_while(ascii::is_space);
    if (!in.peek_is('(')) return;
    for (int depth = 0; !in.at_end();) {
      const char c = in.next();
      if (c == '\\') in.skip(1);
      if (c == '(') ++depth;
      if (c == ')' && --depth == 0) break;
    }
  }
}

// A quoted-string; one without its closing quote ends at the next ';'.
std::string take_quoted(Cursor& in) {
  Cursor look = in;
  look.skip(1);
  std::string value;
  while (!look.at_end()) {
    const char c = look.next();
    if (c == '"') {
      in = look;
      return value;
    }
    value += c == '\\' && !look.at_end() ? look.next() : c;
  }
  in.skip(1);
  return std::string(ascii::trim(in.take_while([](char c) { return c != ';'; })));
}

// A token, or what stands there unquoted though it should not: `filename=my report (1).pdf`.
std::string take_bare(Cursor& in) {
  const auto text = ascii::trim(in.take_while([](char c) { return c != ';'; }));
  // A comment is taken off only where the rest is a token, as in `charset=us-ascii (Plain text)`.
  const std::size_t paren = text.find('(');
  if (paren != std::string_view::npos && paren > 0 && text.ends_with(')')) {
    const auto before = ascii::trim(text.substr(0, paren));
    if (!before.empty() && std::all_of(before.begin(), before.end(), is_token))
      return std::string(before);
  }
  return std::string(text);
}

Parameters take_parameters(Cursor& in) {
  std::vector<Parameter> all;
  while (!in.at_end() && all.size() < kMaxParameters) {
    skip_cfws(in);
    if (in.consume(';')) continue;
    const auto name =
        in.take_while([](char c) { return c != '=' && c != ';' && !ascii::is_space(c); });
    skip_cfws(in);
    if (!in.consume('=')) {
      if (name.empty()) in.skip(1);
      continue;  // a word without a value
    }
    skip_cfws(in);
    std::string value;
    if (in.peek_is('"')) {
      value = take_quoted(in);
      in.take_while([](char c) { return c != ';'; });
    } else {
      value = take_bare(in);
    }
    if (!name.empty()) all.push_back({ascii::to_lower(name), std::move(value)});
  }
  return Parameters(std::move(all));
}

int hex_value(char c) {
  if (ascii::is_digit(c)) return c - '0';
  const char lower = ascii::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string decode_percent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(
          static_cast<unsigned char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Takes "charset'language'" off the front of an extended value.
std::string take_charset(std::string& value) {
  const std::size_t first = value.find('\'');
  const std::size_t second = first == std::string::npos ? first : value.find('\'', first + 1);
  if (second == std::string::npos) return {};
  std::string charset = value.substr(0, first);
  value.erase(0, second + 1);
  return charset;
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return text;
}

}  // namespace

std::optional<std::string> Parameters::find_raw(std::string_view name) const {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const Parameter& p) { return ascii::iequals(p.name, name); });
  if (found == all_.end()) return std::nullopt;
  return found->value;
}

std::optional<std::string> Parameters::find(std::string_view name,
                                            std::string_view fallback) const {
  const std::string base = ascii::to_lower(name);
  if (auto value = find_raw(base + "*")) {
    const std::string charset = take_charset(*value);
    return one_line(to_utf8(decode_percent(*value), charset, fallback));
  }
  // RFC 2231 section 3: pieces are joined in the order of their numbers, then converted together.
  std::string octets;
  std::string charset;
  std::size_t pieces = 0;
  for (; pieces < kMaxParameters; ++pieces) {
    const std::string numbered = base + "*" + std::to_string(pieces);
    if (auto extended = find_raw(numbered + "*")) {
      if (pieces == 0) charset = take_charset(*extended);
      octets += decode_percent(*extended);
    } else if (const auto plain = find_raw(numbered)) {
      octets += *plain;
    } else {
      break;
    }
  }
  if (pieces > 0) return one_line(to_utf8(octets, charset, fallback));
  const auto value = find_raw(base);
  if (!value) return std::nullopt;
  return decode_encoded_words(*value, fallback);  // RFC 2047 section 5 forbids them here
}

ContentType parse_content_type(std::string_view field_body) {
  const std::string body = unfold(field_body);
  Cursor in{body};
  ContentType result;
  skip_cfws(in);
  const auto type = in.take_while(is_token);
  skip_cfws(in);
  if (in.consume('/')) {
    skip_cfws(in);
    const auto subtype = in.take_while(is_token);
    if (!type.empty() && !subtype.empty()) {
      result.type = ascii::to_lower(type);
      result.subtype = ascii::to_lower(subtype);
    }
  } else if (ascii::iequals(type, "text")) {  // "Content-Type: text", from old mailers
    result.type = "text";
    result.subtype = "plain";
  }
  in.take_while([](char c) { return c != ';'; });
  result.parameters = take_parameters(in);
  return result;
}

Disposition parse_disposition(std::string_view field_body) {
  const std::string body = unfold(field_body);
  Cursor in{body};
  Disposition result;
  skip_cfws(in);
  result.value = ascii::to_lower(in.take_while(is_token));
  if (in.peek_is('=')) {  // "Content-Disposition: filename=x" without a value
    result.value.clear();
    in.rewind(0);
  } else {
    in.take_while([](char c) { return c != ';'; });
  }
  result.parameters = take_parameters(in);
  return result;
}

std::string format_parameter(std::string_view name, std::string_view utf8_value) {
  constexpr std::size_t kLine = 76;
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const std::string value = one_line(
      utf8::is_valid(utf8_value) ? std::string(utf8_value) : utf8::replace_invalid(utf8_value));
  const bool printable = std::all_of(value.begin(), value.end(), ascii::is_printable);
  if (printable && name.size() + value.size() + 5 <= kLine) {
    std::string text = ";\n\t" + std::string(name) + "=";
    if (!value.empty() && std::all_of(value.begin(), value.end(), is_token)) return text + value;
    text += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    return text + '"';
  }
  // Escaped characters, none split over two pieces.
  std::vector<std::string> pieces(1, "UTF-8''");
  Cursor in{value};
  while (!in.at_end()) {
    const std::size_t begin = in.position();
    static_cast<void>(utf8::next(in));
    std::string escaped;
    for (const char c : in.since(begin)) {
      // attribute-char: RFC 2231 section 7
      if (is_token(c) && c != '*' && c != '\'' && c != '%') {
        escaped += c;
      } else {
        const auto octet = static_cast<unsigned char>(c);
        escaped += '%';
        escaped += kHex.at(octet >> 4U);
        escaped += kHex.at(octet & 0x0FU);
      }
    }
    if (pieces.back().size() + escaped.size() + name.size() + 8 > kLine) pieces.emplace_back();
    pieces.back() += escaped;
  }
  if (pieces.size() == 1) return ";\n\t" + std::string(name) + "*=" + pieces.front();
  std::string text;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    text += ";\n\t" + std::string(name) + "*" + std::to_string(i) + "*=" + pieces[i];
  }
  return text;
}

}  // namespace mail::message
