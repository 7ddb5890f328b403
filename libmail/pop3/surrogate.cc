#include "libmail/pop3/surrogate.h"

#include <algorithm>
#include <array>

#include "libmail/address/address_list.h"
#include "libmail/base/ascii.h"
#include "libmail/base/utf8.h"
#include "libmail/message/content_type.h"
#include "libmail/message/encoded_word.h"
#include "libmail/message/generate.h"
#include "libmail/message/header_section.h"
#include "libmail/message/line_ends.h"

namespace mail::pop3 {
namespace {

constexpr auto kAddressFields = std::to_array<std::string_view>(
    {"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-Sender", "Resent-To",
     "Resent-Cc", "Resent-Bcc", "Delivered-To", "X-Original-To", "Errors-To",
     "Disposition-Notification-To", "Return-Receipt-To", "Mail-Followup-To"});
constexpr auto kStructuredFields = std::to_array<std::string_view>(
    {"Return-Path", "Received", "Date", "Resent-Date", "Message-ID", "Resent-Message-ID",
     "In-Reply-To", "References", "MIME-Version", "Content-Transfer-Encoding", "Content-ID",
     "DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results",
     "Authentication-Results", "Received-SPF", "List-ID"});

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view known) { return ascii::iequals(known, name); });
}

std::string address_field(std::string_view name, std::string_view body) {
  auto addresses = address::flatten(address::parse_address_list(body));
  for (auto& one : addresses) {
    one.display_name = message::decode_name(one);
    one.comment.clear();
    if (!address::needs_smtputf8(one.addr_spec)) continue;
    const std::string spelled = address::to_string(one.addr_spec);
    one.display_name += one.display_name.empty() ? spelled : " (" + spelled + ")";
    const auto at = kSurrogateAddress.find('@');
    one.addr_spec.local_part = kSurrogateAddress.substr(0, at);
    one.addr_spec.domain = kSurrogateAddress.substr(at + 1);
    one.route.clear();
  }
  return message::make_address_field(name, addresses);
}

std::string field_with_parameters(std::string_view name, std::string head,
                                  const message::Parameters& parameters) {
  std::string field = std::string(name) + ": " + std::move(head);
  for (const auto& [parameter, value] : parameters.all()) {
    const bool is_extended = parameter.find('*') != std::string::npos;
    if (!utf8::is_ascii(parameter) || (is_extended && !utf8::is_ascii(value))) continue;
    if (is_extended) {
      field.append("; ").append(parameter).append("=").append(value);
    } else {
      field += message::format_parameter(parameter, value);
    }
  }
  return field + '\n';
}

// The field in US-ASCII; empty: left out.
std::string rewrite(std::string_view name, std::string_view raw_body) {
  const std::string body = message::unfold(raw_body);
  if (!utf8::is_ascii(name) || is_one_of(kStructuredFields, name)) return "";
  if (is_one_of(kAddressFields, name)) return address_field(name, body);
  if (ascii::iequals(name, "Content-Type")) {
    const auto type = message::parse_content_type(body);
    if (!utf8::is_ascii(type.type + type.subtype)) return "";
    return field_with_parameters(name, type.type + '/' + type.subtype, type.parameters);
  }
  if (ascii::iequals(name, "Content-Disposition")) {
    const auto disposition = message::parse_disposition(body);
    if (!utf8::is_ascii(disposition.value)) return "";
    return field_with_parameters(name, disposition.value, disposition.parameters);
  }
  return message::make_text_field(name, body);
}

}  // namespace

std::optional<std::string> make_surrogate(std::string_view header) {
  if (utf8::is_ascii(header)) return std::nullopt;
  const auto section = message::HeaderSection::parse(header);
  std::string text;
  bool has_changed = false;
  std::size_t end = 0;
  for (const auto& field : section.fields()) {
    // Lines that belong to no field stay where they are.
    text += section.octets().substr(end, field.offset - end);
    end = field.offset + field.size;
    const auto raw = section.raw(field);
    if (utf8::is_ascii(raw) || !utf8::is_valid(raw)) {
      text += raw;
      continue;
    }
    text += message::to_crlf(rewrite(section.name(field), section.raw_body(field)));
    has_changed = true;
  }
  if (!has_changed) return std::nullopt;
  text += section.octets().substr(end);
  if (section.has_empty_line()) text += "\r\n";
  return text;
}

}  // namespace mail::pop3
