#include "libmail/alias/target.h"

#include <optional>

#include "libmail/address/addr_spec.h"
#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::alias {
namespace {

constexpr std::string_view kInclude = ":include:";

struct Piece {
  std::string text;     // outer quotes off, escapes undone inside them
  std::string written;  // as in the list
  bool unclosed = false;
};

// "..." after the opening quote, escapes undone; false where it is not closed.
bool take_quoted(Cursor& in, std::string& out) {
  while (!in.at_end()) {
    char c = in.next();
    if (c == '"') return true;
    if (c == '\\' && !in.at_end()) c = in.next();
    out += c;
  }
  return false;
}

// (comment), nested, with quoted pairs; false where it is not closed.
bool skip_comment(Cursor& in) {
  for (int depth = 1; !in.at_end();) {
    const char c = in.next();
    if (c == '\\') in.skip(1);
    if (c == '(') ++depth;
    if (c == ')' && --depth == 0) return true;
  }
  return false;
}

// Up to the next comma outside quotes. A piece that begins with a quote may go on after it, as the
// address "a b"@x does; only then its quotes stay.
Piece take_piece(Cursor& in) {
  Piece piece;
  in.take_while(ascii::is_space);
  const auto begin = in.position();
  const bool command = in.peek_is('|');
  if (in.consume('"')) {
    piece.unclosed = !take_quoted(in, piece.text);
    in.take_while(ascii::is_space);
    if (in.at_end() || in.peek_is(',')) {
      piece.written = ascii::trim(in.since(begin));
      in.consume(',');
      return piece;
    }
    in.rewind(begin);
    piece.text.clear();
  }
  while (!in.at_end() && !in.peek_is(',')) {
    const auto at = in.position();
    const char c = in.next();
    if (c == '"') {
      std::string quoted;
      if (!take_quoted(in, quoted)) piece.unclosed = true;
      piece.text += in.since(at);
    } else if (c == '(' && !command) {
      if (!skip_comment(in)) piece.unclosed = true;
    } else if (c == '\\' && !in.at_end() && at != begin) {
      in.skip(1);
      piece.text += in.since(at);
    } else {
      piece.text += c;
    }
  }
  piece.written = ascii::trim(in.since(begin));
  in.consume(',');
  piece.text = ascii::trim(piece.text);
  return piece;
}

// `Display Name <user@domain>` and `<user@domain>`: what stands between the angle brackets.
std::string_view without_angles(std::string_view text) {
  if (!text.ends_with('>')) return text;
  const auto open = text.rfind('<');
  return open == std::string_view::npos ? text : text.substr(open + 1, text.size() - open - 2);
}

std::optional<std::string> find_address_mistake(std::string_view text) {
  const auto [local_part, domain] = split_address(text);
  if (local_part.empty()) return "address without a local part";
  if (text.ends_with('@')) return "address without a domain";
  for (const char c : domain) {
    if (ascii::is_space(c) || ascii::is_control(c) || c == '@') return "domain is malformed";
  }
  if (text.front() != '"') {
    for (const char c : local_part) {
      if (ascii::is_space(c)) return "white space in an address; separate targets by commas";
      if (ascii::is_control(c) || c == '<' || c == '>' || c == ';' || c == '"') {
        return "address is malformed";
      }
    }
  }
  return std::nullopt;
}

Target classify(const Piece& piece, std::optional<std::string>& mistake) {
  Target target;
  std::string_view text = piece.text;
  if (text.starts_with('|')) {
    target.kind = Target::Kind::Command;
    target.text = ascii::trim(text.substr(1));
    if (target.text.empty()) mistake = "command is empty";
  } else if (ascii::istarts_with(text, kInclude)) {
    target.kind = Target::Kind::Include;
    target.text = ascii::trim(text.substr(kInclude.size()));
    if (!target.text.starts_with('/')) mistake = ":include: needs a file name from the root (/...)";
  } else if (text.starts_with('/')) {
    target.kind = Target::Kind::File;
    target.text = text;
  } else {
    target.no_expand = text.starts_with('\\');
    if (target.no_expand) text.remove_prefix(1);
    text = without_angles(text);
    target.text = text;
    if (text.empty()) {
      mistake = "address is empty";
    } else if (text.starts_with(':')) {
      mistake = "unknown directive (only :include: is known)";
    } else if (piece.written.starts_with('"') && text.find('@') == std::string_view::npos) {
      // A quoted local name: any octets may stand in it.
    } else {
      mistake = find_address_mistake(text);
    }
  }
  if (piece.unclosed) mistake = "quote or parenthesis is not closed";
  if (target.text.size() > kMaxTargetOctets) mistake = "target is too long";
  if (target.text.find('\0') != std::string::npos) mistake = "NUL octet";
  return target;
}

}  // namespace

TargetList parse_targets(std::string_view text) {
  TargetList list;
  Cursor in{text};
  while (!ascii::trim(in.rest()).empty()) {
    if (list.targets.size() >= kMaxTargets) {
      list.mistakes.emplace_back("too many targets");
      break;
    }
    const auto piece = take_piece(in);
    if (piece.written.empty()) continue;  // ", ," as every reader of aliases takes it
    std::optional<std::string> mistake;
    auto target = classify(piece, mistake);
    if (mistake) {
      list.mistakes.push_back(*mistake + ": " + piece.written);
    } else {
      list.targets.push_back(std::move(target));
    }
  }
  return list;
}

FileTargets parse_target_file(std::string_view text) {
  FileTargets file;
  std::size_t number = 0;
  std::size_t count = 0;
  for (const auto line : ascii::split(text, '\n')) {
    ++number;
    const auto content = ascii::trim(line);
    if (content.empty() || content.starts_with('#')) continue;
    auto list = parse_targets(content);
    count += list.targets.size();
    file.lines.push_back({number, std::move(list)});
    if (count > kMaxTargets) break;
  }
  return file;
}

LocalAndDomain split_address(std::string_view address) {
  const auto at = address.rfind('@');
  auto local_part = address.substr(0, at);
  const auto domain = at == std::string_view::npos ? std::string_view{} : address.substr(at + 1);
  if (local_part.starts_with('"')) {
    Cursor in{local_part};
    auto unquoted = address::parse_local_part(in);
    if (unquoted && in.at_end()) return {*std::move(unquoted), std::string(domain)};
  }
  return {std::string(local_part), std::string(domain)};
}

}  // namespace mail::alias
