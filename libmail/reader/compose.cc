#include "libmail/reader/compose.h"

#include <algorithm>
#include <set>

#include "libmail/address/address_list.h"
#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/message/compose.h"
#include "libmail/message/date.h"
#include "libmail/message/generate.h"
#include "libmail/reader/headline.h"

namespace mail::reader {
namespace {

constexpr int kMaxAliasDepth = 20;  // personal aliases inside personal aliases

void expand_alias(const std::string& name, const PersonalAliases& aliases, int depth,
                  std::vector<std::string>& out) {
  const auto found = aliases.find(name);
  if (found == aliases.end() || depth > kMaxAliasDepth) {
    out.push_back(name);
    return;
  }
  for (const auto& target : found->second) expand_alias(target, aliases, depth + 1, out);
}

std::vector<address::NameAddr> read_addresses(const std::vector<std::string>& typed,
                                              const PersonalAliases& aliases) {
  std::vector<address::NameAddr> out;
  for (const auto& word : typed) {
    std::vector<std::string> expanded;
    expand_alias(word, aliases, 0, expanded);
    for (const auto& text : expanded) {
      for (auto& one : address::flatten(address::parse_address_list(text))) {
        out.push_back(std::move(one));
      }
    }
  }
  return out;
}

std::vector<std::string> field_addresses(const Entry& entry, std::string_view field) {
  std::vector<std::string> out;
  for (const auto& one :
       address::flatten(address::parse_address_list(entry.header.find(field).value_or("")))) {
    out.push_back(address::to_string(one));
  }
  return out;
}

bool is_same_address(std::string_view text, std::string_view own) {
  for (const auto& one : address::flatten(address::parse_address_list(text))) {
    if (ascii::iequals(address::to_string(one.addr_spec), own)) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> split_addresses(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& one : address::flatten(address::parse_address_list(text))) {
    // "root boss" typed without a comma is two names: the list reads it as a display name alone.
    if (one.addr_spec.empty()) {
      for (const auto word : ascii::words(one.display_name)) out.emplace_back(word);
    } else {
      out.push_back(address::to_string(one));
    }
  }
  // Without commas and brackets, plain words are plain addresses.
  if (text.find_first_of(",<\"(") == std::string_view::npos) {
    out.clear();
    for (const auto word : ascii::words(text)) out.emplace_back(word);
  }
  return out;
}

Draft make_reply(const Entry& original, bool to_all, std::string_view own_address) {
  Draft draft;
  draft.to = field_addresses(original, "reply-to");
  if (draft.to.empty()) draft.to = field_addresses(original, "from");
  if (draft.to.empty()) draft.to = {sender_address(original)};
  if (to_all) {
    for (const char* field : {"to", "cc"}) {
      for (auto& one : field_addresses(original, field)) {
        const bool known = is_same_address(one, own_address) ||
                           std::find(draft.to.begin(), draft.to.end(), one) != draft.to.end() ||
                           std::find(draft.cc.begin(), draft.cc.end(), one) != draft.cc.end();
        if (known) continue;
        (std::string_view(field) == "to" ? draft.to : draft.cc).push_back(std::move(one));
      }
    }
  }
  const std::string subject = decoded_field(original.header, "subject");
  draft.subject = ascii::istarts_with(subject, "re:") ? subject : "Re: " + subject;
  // RFC 5322 section 3.6.4.
  const std::string message_id = original.header.find("message-id").value_or("");
  std::string references = original.header.find("references").value_or("");
  if (references.empty()) references = original.header.find("in-reply-to").value_or("");
  draft.in_reply_to = message_id;
  draft.references = references.empty() ? message_id : references + ' ' + message_id;
  return draft;
}

Result<Outgoing> finish_draft(const Draft& draft, const PersonalAliases& aliases,
                              const Host& host) {
  const auto to = read_addresses(draft.to, aliases);
  const auto cc = read_addresses(draft.cc, aliases);
  const auto bcc = read_addresses(draft.bcc, aliases);
  Outgoing outgoing;
  std::set<std::string> seen;
  for (const auto* list : {&to, &cc, &bcc}) {
    for (const auto& one : *list) {
      const std::string addr_spec = address::to_string(one.addr_spec);
      if (!address::parse_recipient_argument(addr_spec)) {
        return fail(Errc::Syntax, log::escape(addr_spec.empty() ? one.display_name : addr_spec) +
                                      ": not an address");
      }
      if (seen.insert(ascii::to_lower(addr_spec)).second) outgoing.recipients.push_back(addr_spec);
    }
  }
  if (outgoing.recipients.empty()) return fail(Errc::Syntax, "No recipients specified");

  const auto now = std::chrono::floor<std::chrono::seconds>(host.now());
  std::string head = message::make_field("Date", message::format_date(message::to_local(now)));
  const std::string from = draft.from.empty() ? host.user_address() : draft.from;
  head += message::make_address_field("From", address::flatten(address::parse_address_list(from)));
  if (!to.empty()) head += message::make_address_field("To", to);
  if (!cc.empty()) head += message::make_address_field("Cc", cc);
  if (!draft.subject.empty()) head += message::make_text_field("Subject", draft.subject);
  if (!draft.in_reply_to.empty()) head += message::make_field("In-Reply-To", draft.in_reply_to);
  if (!draft.references.empty()) head += message::make_field("References", draft.references);
  for (const auto& [name, body] : draft.extra_fields) head += message::make_text_field(name, body);
  head += message::make_field("User-Agent", "Tubepost mail-reader " TUBEPOST_VERSION);

  head += "MIME-Version: 1.0\n";
  message::Entity entity = message::make_text(draft.text);
  if (!draft.attachments.empty()) {
    std::vector<message::Entity> parts{std::move(entity)};
    for (const auto& attachment : draft.attachments) {
      parts.push_back(message::make_attachment(attachment.octets,
                                               message::guess_content_type(attachment.file_name),
                                               attachment.file_name));
    }
    entity = message::make_multipart("mixed", parts,
                                     static_cast<std::uint64_t>(now.time_since_epoch().count()));
  }
  outgoing.message = head + entity.to_string();
  return outgoing;
}

}  // namespace mail::reader
