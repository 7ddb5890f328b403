// The fields of a message that IMAP's ENVELOPE and header lists show (RFC 3501 section 7.4.2).
// Text stays as it is in the message: encoded words are not decoded.
#pragma once

#include <optional>
#include <string>

#include "libmail/address/address_list.h"
#include "libmail/message/date.h"
#include "libmail/message/header_section.h"

namespace mail::message {

struct Envelope {
  std::optional<std::string> date, subject, in_reply_to, message_id;
  address::AddressList from, sender, reply_to, to, cc, bcc;  // sender, reply_to: from if empty
};

Envelope make_envelope(const HeaderSection& fields);

// Message ids ("<...>") in a References, In-Reply-To or Message-ID body, with their brackets.
std::vector<std::string> parse_message_ids(std::string_view field_body);

}  // namespace mail::message
