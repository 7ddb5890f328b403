#include "libmail/pop3/uidl.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>
#include <unordered_map>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/md5.h"

namespace mail::pop3 {
namespace {

constexpr std::string_view kVariables = "vumfg";
constexpr std::string_view kModifiers = "LUXMRT";
constexpr std::size_t kMaxWidth = 1000;

std::string to_hexadecimal(std::string_view decimal) {
  std::array<char, 16> digits{};
  const auto value = ascii::to_number<std::uint64_t>(decimal).value_or(0);
  return {digits.data(), std::to_chars(digits.begin(), digits.end(), value, 16).ptr};
}

std::string apply(char modifier, std::string value) {
  switch (modifier) {
    case 'L':
      return ascii::to_lower(value);
    case 'U':
      return ascii::to_upper(value);
    case 'X':
      return to_hexadecimal(value);
    case 'T':
      return std::string(ascii::trim(value));
    case 'R':
      std::reverse(value.begin(), value.end());
      return value;
    default: {
      Md5 md5;
      md5.update(value);
      return md5.hex_digest();
    }
  }
}

std::string value_of(char variable, const UidlValues& values) {
  switch (variable) {
    case 'v':
      return std::to_string(values.validity.value);
    case 'u':
      return std::to_string(values.uid.value);
    case 'm':
      return values.header_md5;
    case 'f':
      return values.file_name;
    default:
      // An mbox has no GUIDs: Dovecot takes the header's MD5 there.
      return values.guid.empty() ? values.header_md5 : values.guid;
  }
}

// Line by line, the white space of folding kept, one blank or tab behind the colon left out.
void update_lines(Md5& md5, std::string_view raw_body) {
  if (!raw_body.empty() && ascii::is_wsp(raw_body.front())) raw_body.remove_prefix(1);
  for (auto line : ascii::split(raw_body, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    md5.update(line);
  }
}

std::size_t take_number(Cursor& in) {
  const auto digits = in.take_while(ascii::is_digit);
  if (digits.empty()) return 0;
  return std::min(ascii::to_number<std::size_t>(digits).value_or(kMaxWidth), kMaxWidth);
}

tl::unexpected<Error> refuse(const std::string& why) {
  return fail(Errc::Config, "Server is not configured", why);
}

}  // namespace

// [-][0][OFFSET.][0][WIDTH]MODIFIERS VARIABLE, behind the '%'.
Result<UidlFormat::Piece> UidlFormat::parse_piece(std::string_view text, std::size_t& at) {
  Cursor in{text.substr(at)};
  Piece piece;
  const bool negative = in.consume('-');
  piece.zeros = in.peek_is('0');
  piece.width = take_number(in);
  if (in.consume('.')) {
    piece.offset = static_cast<int>(piece.width) * (negative ? -1 : 1);
    piece.zeros = in.peek_is('0');
    piece.width = take_number(in);
  }
  piece.modifiers = std::string(in.take_while(ascii::is_upper));
  const char variable = in.next();
  const auto unknown = piece.modifiers.find_first_not_of(kModifiers);
  if (unknown != std::string::npos) {
    return refuse(std::string("unsupported modifier %") + piece.modifiers.at(unknown));
  }
  if (variable == '\0') return refuse("a '%' without a variable at the end");
  if (kVariables.find(variable) == std::string_view::npos) {
    return refuse(std::string("unknown variable %") + variable);
  }
  piece.variable = variable;
  at += in.position();
  return piece;
}

Result<UidlFormat> UidlFormat::parse(std::string_view text) {
  UidlFormat format;
  std::string literal;
  bool has_variable = false;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c != '%') {
      literal += c;
    } else if (text.substr(at).starts_with('%')) {
      literal += '%';
      ++at;
    } else if (at == text.size()) {
      break;  // as Dovecot: a '%' at the end says nothing
    } else {
      Piece piece = TRY(parse_piece(text, at));
      piece.literal = std::exchange(literal, {});
      format.pieces_.push_back(std::move(piece));
      has_variable = true;
    }
  }
  if (!has_variable) return refuse("no variable in it, all messages would have one id");
  if (!literal.empty()) {
    format.pieces_.emplace_back();
    format.pieces_.back().literal = std::move(literal);
  }
  return format;
}

bool UidlFormat::uses(char variable) const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [&](const Piece& piece) { return piece.variable == variable; });
}

std::string UidlFormat::cut(const Piece& piece, std::string value) {
  if (piece.offset < 0) {
    const auto from_end = static_cast<std::size_t>(-piece.offset);
    if (value.size() > from_end) value.erase(0, value.size() - from_end);
  } else {
    value.erase(0, static_cast<std::size_t>(piece.offset));
  }
  if (piece.width == 0) return value;
  if (!piece.zeros && value.size() > piece.width) value.resize(piece.width);
  if (piece.zeros && value.size() < piece.width) {
    value.insert(0, piece.width - value.size(), '0');
  }
  return value;
}

Result<std::string> UidlFormat::format(const UidlValues& values) const {
  std::string id;
  for (const Piece& piece : pieces_) {
    id += piece.literal;
    if (piece.variable == '\0') continue;
    std::string value = value_of(piece.variable, values);
    if (value.empty()) {
      return fail(Errc::Unsupported, "Unique-ids cannot be made",
                  std::string("pop3_uidl_format: this mailbox has no %") + piece.variable);
    }
    for (const char modifier : piece.modifiers) value = apply(modifier, std::move(value));
    id += cut(piece, std::move(value));
  }
  return id;
}

std::string header_md5(const message::HeaderSection& header, Md5Of fields) {
  Md5 md5;
  bool seen_received = false;
  for (const auto& field : header.fields()) {
    const auto name = header.name(field);
    bool counts = fields == Md5Of::All || ascii::iequals(name, "Delivered-To") ||
                  ascii::iequals(name, "X-Delivery-ID");
    if (!counts && !seen_received) {
      const bool is_received = ascii::iequals(name, "Received");
      counts = is_received || ascii::iequals(name, "Date") || ascii::iequals(name, "Message-ID");
      seen_received = is_received;
    }
    if (counts) update_lines(md5, header.raw_body(field));
  }
  return md5.hex_digest();
}

void rename_duplicates(std::vector<std::string>& ids) {
  std::unordered_map<std::string, std::size_t> seen;
  for (auto& id : ids) {
    for (auto [at, is_new] = seen.try_emplace(id, 1); !is_new;
         std::tie(at, is_new) = seen.try_emplace(id, 1)) {
      id += '-' + std::to_string(++at->second);
    }
  }
}

}  // namespace mail::pop3
