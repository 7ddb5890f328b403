#include "libmail/message/envelope.h"

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::message {
namespace {

// All fields of that name: RFC 5322 allows one, but several To fields occur.
address::AddressList addresses(const HeaderSection& fields, std::string_view name) {
  std::string body;
  for (const auto& one : fields.find_all(name)) {
    if (!body.empty()) body += ", ";
    body += one;
  }
  return address::parse_address_list(body);
}

}  // namespace

Envelope make_envelope(const HeaderSection& fields) {
  Envelope envelope;
  envelope.date = fields.find("Date");
  envelope.subject = fields.find("Subject");
  envelope.in_reply_to = fields.find("In-Reply-To");
  envelope.message_id = fields.find("Message-ID");
  envelope.from = addresses(fields, "From");
  envelope.sender = addresses(fields, "Sender");
  envelope.reply_to = addresses(fields, "Reply-To");
  envelope.to = addresses(fields, "To");
  envelope.cc = addresses(fields, "Cc");
  envelope.bcc = addresses(fields, "Bcc");
  // RFC 3501 section 7.4.2: the server MUST default them.
  if (envelope.sender.addresses.empty()) envelope.sender = envelope.from;
  if (envelope.reply_to.addresses.empty()) envelope.reply_to = envelope.from;
  return envelope;
}

std::vector<std::string> parse_message_ids(std::string_view field_body) {
  constexpr std::size_t kMaxIds = 1000;
  std::vector<std::string> ids;
  Cursor in{field_body};
  while (!in.at_end() && ids.size() < kMaxIds) {
    in.take_while([](char c) { return c != '<'; });
    if (!in.consume('<')) break;
    const auto inside = in.take_while([](char c) { return c != '>' && c != '<'; });
    if (!in.consume('>')) continue;
    std::string id = "<";
    for (const char c : inside) {
      if (!ascii::is_space(c)) id += c;
    }
    if (id.size() > 1) ids.push_back(id + ">");
  }
  return ids;
}

}  // namespace mail::message
