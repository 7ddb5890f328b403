#include "libmail/imap/response.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/imap/grammar.h"
#include "libmail/imap/mailbox_name.h"
#include "libmail/message/date.h"

namespace mail::imap {

namespace {

constexpr std::size_t kMaxQuoted = 1000;  // octets; ours, literals beyond

bool can_be_quoted(std::string_view text) {
  return text.size() <= kMaxQuoted && std::all_of(text.begin(), text.end(), [](char c) {
           return c != '\0' && c != '\r' && c != '\n' && !ascii::is_8bit(c);
         });
}

}  // namespace

void put_number(std::string& out, std::uint64_t number) { out += std::to_string(number); }

void put_string(std::string& out, std::string_view text) {
  if (can_be_quoted(text)) {
    out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
    return;
  }
  out += '{';
  put_number(out, text.size());
  out += "}\r\n";
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  out += text;
  std::replace(out.begin() + begin, out.end(), '\0', '\x80');
}

void put_nstring(std::string& out, const std::optional<std::string>& text) {
  if (text) {
    put_string(out, *text);
  } else {
    out += "NIL";
  }
}

void put_astring(std::string& out, std::string_view text) {
  const bool is_atom = !text.empty() && std::all_of(text.begin(), text.end(), is_astring_char) &&
                       !ascii::iequals(text, "NIL");
  if (is_atom) {
    out += text;
  } else {
    put_string(out, text);
  }
}

void put_mailbox(std::string& out, std::string_view utf8_name) {
  put_astring(out, encode_mailbox_name(utf8_name));
}

void put_flags(std::string& out, const store::Flags& flags, bool recent) {
  struct Named {
    std::string_view name;
    store::Flag flag;
  };
  static constexpr std::array<Named, 5> kNamed{{{"\\Answered", store::Flag::Answered},
                                                {"\\Flagged", store::Flag::Flagged},
                                                {"\\Deleted", store::Flag::Deleted},
                                                {"\\Seen", store::Flag::Seen},
                                                {"\\Draft", store::Flag::Draft}}};
  out += '(';
  const auto put = [&](std::string_view name) {
    if (out.back() != '(') out += ' ';
    out += name;
  };
  for (const auto& named : kNamed) {
    if (flags.has(named.flag)) put(named.name);
  }
  if (recent) put("\\Recent");
  for (const auto& keyword : flags.keywords) put(keyword);
  out += ')';
}

void put_section(std::string& out, const FetchItem& item) {
  out += "BODY[";
  for (const std::uint32_t number : item.section.part) {
    if (out.back() != '[') out += '.';
    put_number(out, number);
  }
  if (!item.section.part.empty() && item.section.what != Section::What::All) out += '.';
  bool has_fields = false;
  switch (item.section.what) {
    case Section::What::All:
      break;
    case Section::What::Header:
      out += "HEADER";
      break;
    case Section::What::HeaderFields:
      out += "HEADER.FIELDS (";
      has_fields = true;
      break;
    case Section::What::HeaderFieldsNot:
      out += "HEADER.FIELDS.NOT (";
      has_fields = true;
      break;
    case Section::What::Text:
      out += "TEXT";
      break;
    case Section::What::Mime:
      out += "MIME";
      break;
  }
  if (has_fields) {
    for (const auto& field : item.section.fields) {
      if (out.back() != '(') out += ' ';
      put_astring(out, field);
    }
    out += ')';
  }
  out += ']';
  if (item.origin) {
    out += '<';
    put_number(out, *item.origin);
    out += '>';
  }
}

void put_internal_date(std::string& out, WallTime time) {
  out += '"';
  out += message::format_internal_date(message::to_local(time));
  out += '"';
}

Error try_create(Error error) {
  if (error.code == Errc::NotFound) error.public_text = "[TRYCREATE] " + error.public_text;
  return error;
}

std::string to_response(const Error& error) {
  // Some texts bring a response code that says more than their Errc.
  if (error.public_text.starts_with('[')) return "NO " + error.public_text;
  struct Row {
    Errc code;
    std::string_view prefix;
  };
  // RFC 5530 section 3; BAD is for what the client got wrong in itself (RFC 3501 section 7.1.3).
  static constexpr auto kRows = std::to_array<Row>({
      {Errc::Syntax, "BAD"},
      {Errc::BadSequence, "BAD"},
      {Errc::Unsupported, "BAD"},
      {Errc::TooMany, "BAD"},
      {Errc::NotFound, "NO [NONEXISTENT]"},
      {Errc::Exists, "NO [ALREADYEXISTS]"},
      {Errc::Denied, "NO [NOPERM]"},
      {Errc::BadCredentials, "NO [AUTHENTICATIONFAILED]"},
      {Errc::PrivacyRequired, "NO [PRIVACYREQUIRED]"},
      {Errc::OverQuota, "NO [OVERQUOTA]"},
      {Errc::NoSpace, "NO [UNAVAILABLE]"},
      {Errc::TooLarge, "NO [LIMIT]"},
      {Errc::InUse, "NO [INUSE]"},
      {Errc::Timeout, "NO [UNAVAILABLE]"},
      {Errc::Unavailable, "NO [UNAVAILABLE]"},
      {Errc::Corrupt, "NO [CORRUPTION]"},
      {Errc::Config, "NO [CONTACTADMIN]"},
  });
  const auto* row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.code == error.code; });
  std::string text{row == kRows.end() ? "NO [SERVERBUG]" : row->prefix};
  if (error.code == Errc::Io) text = "NO [UNAVAILABLE]";
  // store::cannot(): no right would help.
  const bool is_impossible = error.status.subject == 3 && error.status.detail == 3;
  if (error.code == Errc::Denied && is_impossible) text = "NO [CANNOT]";
  return text + ' ' + (error.public_text.empty() ? "Failed" : error.public_text);
}

}  // namespace mail::imap
