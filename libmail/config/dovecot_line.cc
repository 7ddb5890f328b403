#include "libmail/config/dovecot_line.h"

#include <utility>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::config {
namespace {

using Form = DovecotLine::Form;

bool is_quote(char c) { return c == '"' || c == '\''; }

// Where the comment begins, or the line's end. A quotation mark anywhere opens a quotation, in
// users' too; one that stays open makes the rest of the line a value.
std::size_t find_comment(std::string_view line) {
  Cursor in{line};
  while (!in.at_end()) {
    const auto at = in.position();
    const char c = in.next();
    if (c == '#') return at;
    if (!is_quote(c)) continue;
    while (!in.at_end() && !in.peek_is(c)) {
      if (in.next() == '\\') in.skip(1);
    }
    in.skip(1);
  }
  return line.size();
}

DovecotLine wrong(std::string key, std::string why) {
  return {Form::Wrong, std::move(key), std::move(why)};
}

DovecotLine parse_value(std::string key, std::string_view text) {
  if (text.starts_with('<')) {
    return {Form::FileValue, std::move(key), "<" + std::string(ascii::trim(text.substr(1)))};
  }
  if (text.size() > 1 && is_quote(text.front()) && text.back() == text.front()) {
    return {Form::QuotedValue, std::move(key), unescape_dovecot(text.substr(1, text.size() - 2))};
  }
  return {Form::Setting, std::move(key), std::string(text)};
}

// What follows a section's kind: [name] {
DovecotLine parse_section(std::string kind, Cursor& in, std::string_view line) {
  std::string name;
  if (in.consume('"')) {
    const auto begin = in.position();
    while (!in.at_end() && !in.peek_is('"')) {
      if (in.next() == '\\') in.skip(1);
    }
    name = unescape_dovecot(in.since(begin));
    in.skip(1);
  } else if (!in.peek_is('{')) {
    name = in.take_while([](char c) { return !ascii::is_wsp(c); });
  }
  in.take_while(ascii::is_wsp);
  if (!in.consume('{')) {
    return wrong(std::move(kind), "expected '=' or '{' after the name: " + std::string(line));
  }
  if (!in.at_end()) {
    return wrong(std::move(kind),
                 "a section's '{' ends its line; what follows goes on lines of its own");
  }
  return {Form::SectionBegin, std::move(kind), std::move(name)};
}

}  // namespace

std::string unescape_dovecot(std::string_view text) {
  std::string out;
  Cursor in{text};
  while (!in.at_end()) {
    const char c = in.next();
    if (c != '\\') {
      out += c;
    } else if (!in.at_end()) {
      out += in.next();
    }
  }
  return out;
}

DovecotLine parse_dovecot_line(std::string_view line) {
  Cursor in{line};
  std::string key(in.take_while([](char c) { return !ascii::is_wsp(c) && c != '='; }));
  in.take_while(ascii::is_wsp);
  const bool is_try = key == "!include_try";
  if (is_try || key == "!include") {
    return {is_try ? Form::IncludeTry : Form::Include, std::move(key), std::string(in.rest())};
  }
  if (key.empty()) return wrong({}, "no setting name: " + std::string(line));
  if (in.consume('=')) return parse_value(std::move(key), ascii::trim(in.rest()));
  if (key == "}" && in.at_end()) return {Form::SectionEnd, {}, {}};
  return parse_section(std::move(key), in, line);
}

JoinedLines join_dovecot_lines(std::string_view text) {
  JoinedLines joined;
  JoinedLine whole;  // what continued lines gave so far
  std::size_t number = 0;
  for (const auto physical : ascii::split(text, '\n')) {
    ++number;
    auto line = ascii::trim(physical);
    if (line.empty() || line.starts_with('#')) {
      // Dovecot forgets the lines before it; a warning at least.
      if (!whole.text.empty()) {
        joined.warnings.emplace_back(
            whole.number,
            "a comment or an empty line follows a line that ends in a backslash; "
            "Dovecot forgets that line, and so does this program: " +
                whole.text);
      }
      whole = {};
      continue;
    }
    const auto comment = find_comment(line);
    if (comment < line.size() && !ascii::is_space(line[comment - 1])) {
      joined.warnings.emplace_back(
          number,
          "'#' begins a comment here; white space before it or quotation marks make clear "
          "what is meant");
    }
    line = ascii::trim(line.substr(0, comment));
    const bool goes_on = line.ends_with('\\');
    if (goes_on) line = ascii::trim(line.substr(0, line.size() - 1));
    if (whole.text.empty()) whole.number = number;
    if (!goes_on) {
      whole.text += line;
      joined.lines.push_back(std::exchange(whole, {}));
    } else if (!line.empty()) {
      whole.text += std::string(line) + ' ';
    }
  }
  return joined;
}

}  // namespace mail::config
