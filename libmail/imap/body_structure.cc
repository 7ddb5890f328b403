#include "libmail/imap/body_structure.h"

#include "libmail/base/ascii.h"
#include "libmail/imap/response.h"

namespace mail::imap {

namespace {

void put_nonempty(std::string& out, const std::string& text) {
  if (text.empty()) {
    out += "NIL";
  } else {
    put_string(out, text);
  }
}

// address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"; NIL mailbox or host mark
// groups, so an address without domain has the empty string.
void put_address(std::string& out, const address::NameAddr& address) {
  out += '(';
  put_nonempty(out, address.name());
  out += ' ';
  put_nonempty(out, address.route);
  out += ' ';
  put_string(out, address.addr_spec.local_part);
  out += ' ';
  put_string(out, address.addr_spec.domain);
  out += ')';
}

void put_addresses(std::string& out, const address::AddressList& list) {
  if (list.addresses.empty()) {
    out += "NIL";
    return;
  }
  out += '(';
  for (const auto& item : list.addresses) {
    if (const auto* group = std::get_if<address::Group>(&item)) {
      out += "(NIL NIL ";
      put_string(out, group->display_name);
      out += " NIL)";
      for (const auto& member : group->members) put_address(out, member);
      out += "(NIL NIL NIL NIL)";
    } else {
      put_address(out, std::get<address::NameAddr>(item));
    }
  }
  out += ')';
}

// body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
void put_parameters(std::string& out, const message::Parameters& parameters) {
  if (parameters.empty()) {
    out += "NIL";
    return;
  }
  out += '(';
  for (const auto& parameter : parameters.all()) {
    if (out.back() != '(') out += ' ';
    put_string(out, parameter.name);
    out += ' ';
    put_string(out, parameter.value);
  }
  out += ')';
}

// body-fld-dsp = "(" string SP body-fld-param ")" / nil
void put_disposition(std::string& out, const std::optional<message::Disposition>& disposition) {
  if (!disposition || disposition->value.empty()) {
    out += "NIL";
    return;
  }
  out += '(';
  put_string(out, disposition->value);
  out += ' ';
  put_parameters(out, disposition->parameters);
  out += ')';
}

// body-fld-lang = nstring / "(" string *(SP string) ")"
void put_language(std::string& out, const std::optional<std::string>& language) {
  const auto tags = language ? ascii::words(*language, ", \t") : std::vector<std::string_view>{};
  if (tags.empty()) {
    out += "NIL";
  } else if (tags.size() == 1) {
    put_string(out, tags.front());
  } else {
    out += '(';
    for (const auto tag : tags) {
      if (out.back() != '(') out += ' ';
      put_string(out, tag);
    }
    out += ')';
  }
}

// SP dsp SP lang SP loc, the common end of both kinds of extension data
void put_extension(std::string& out, const message::Part& part) {
  out += ' ';
  put_disposition(out, part.disposition);
  out += ' ';
  put_language(out, part.language);
  out += ' ';
  put_nstring(out, part.location);
}

void put_single_part(std::string& out, const message::Part& part, bool extended) {
  put_string(out, part.content_type.type);
  out += ' ';
  put_string(out, part.content_type.subtype);
  out += ' ';
  put_parameters(out, part.content_type.parameters);
  out += ' ';
  put_nstring(out, part.id);
  out += ' ';
  put_nstring(out, part.description);
  out += ' ';
  put_string(out, part.encoding_name);
  out += ' ';
  put_number(out, part.body.crlf_octets);
  if (part.holds_message()) {
    const auto& inner = part.children.front();
    out += ' ';
    put_envelope(out, message::make_envelope(inner.fields));
    out += ' ';
    put_body(out, inner, extended);
  }
  if (part.holds_message() || part.content_type.type == "text") {
    out += ' ';
    put_number(out, part.body.lines);
  }
  if (!extended) return;
  out += ' ';
  put_nstring(out, part.md5);
  put_extension(out, part);
}

}  // namespace

void put_envelope(std::string& out, const message::Envelope& envelope) {
  out += '(';
  put_nstring(out, envelope.date);
  out += ' ';
  put_nstring(out, envelope.subject);
  for (const auto* list : {&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to,
                           &envelope.cc, &envelope.bcc}) {
    out += ' ';
    put_addresses(out, *list);
  }
  out += ' ';
  put_nstring(out, envelope.in_reply_to);
  out += ' ';
  put_nstring(out, envelope.message_id);
  out += ')';
}

// Recursion is bounded by message::kMaxDepth.
void put_body(std::string& out, const message::Part& part, bool extended) {
  out += '(';
  if (!part.is_multipart()) {
    put_single_part(out, part, extended);
  } else {
    for (const auto& child : part.children) put_body(out, child, extended);
    out += ' ';
    put_string(out, part.content_type.subtype);
    if (extended) {
      out += ' ';
      put_parameters(out, part.content_type.parameters);
      put_extension(out, part);
    }
  }
  out += ')';
}

}  // namespace mail::imap
