// Composing: header fields, text with tilde escapes, attachments; the result goes to Host::send().
// Personal aliases are expanded; /etc/aliases is never shown in a field (S87).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/reader/folder.h"
#include "libmail/reader/host.h"
#include "libmail/reader/variables.h"

namespace mail::reader {

struct Attachment {
  std::string file_name;
  std::string octets;
};

struct Draft {
  std::vector<std::string> to, cc, bcc;  // addresses as in a field: `Ann <ann@x>` or a local name
  std::string subject;
  std::string from;                     // empty: Host::user_address()
  std::string in_reply_to, references;  // as in the fields
  std::vector<std::pair<std::string, std::string>> extra_fields;
  std::string text;  // UTF-8, LF line ends
  std::vector<Attachment> attachments;
};

using PersonalAliases = std::map<std::string, std::vector<std::string>>;

// Splits "a@b, Ann Example <ann@c> d" as mail's command line and address fields have it: at commas,
// and at white space between plain addresses.
std::vector<std::string> split_addresses(std::string_view text);

// To and Cc of a reply to a message: to all, or to the sender only.
Draft make_reply(const Entry& original, bool to_all, std::string_view own_address);

// The finished message and its recipients; Syntax when there is none or an address is wrong.
Result<Outgoing> finish_draft(const Draft& draft, const PersonalAliases& aliases, const Host& host);

}  // namespace mail::reader
