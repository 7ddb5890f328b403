#include "libmail/address/addr_spec.h"

#include <arpa/inet.h>

#include <algorithm>

#include "libmail/address/address_list.h"
#include "libmail/base/utf8.h"

namespace mail::address {
namespace {

constexpr bool is_atext(char c) {  // RFC 5322 section 3.2.3
  constexpr std::string_view kOthers = "!#$%&'*+-/=?^_`{|}~";
  return ascii::is_alnum(c) || kOthers.find(c) != std::string_view::npos;
}

tl::unexpected<Error> refuse(std::string text) {
  return fail(make_error(Errc::Syntax, EnhancedStatus{5, 1, 3},
                         std::move(text)));  // RFC 3463: bad address syntax
}
tl::unexpected<Error> refuse_size(std::string text) {
  return fail(make_error(Errc::TooLarge, EnhancedStatus{5, 1, 3}, std::move(text)));
}

// One UTF8-non-ascii (RFC 6531 section 3.3) appended to `out`; false, and nothing read, if there is
// none.
bool take_non_ascii(Cursor& in, std::string& out) {
  if (in.at_end() || !ascii::is_8bit(in.peek())) return false;
  const std::size_t begin = in.position();
  if (!utf8::next(in).is_valid) {
    in.rewind(begin);
    return false;
  }
  out += in.since(begin);
  return true;
}

// Atom = 1*atext
Result<void> parse_atom(Cursor& in, std::string& out) {
  const std::size_t before = out.size();
  for (;;) {
    const auto run = in.take_while(is_atext);
    out += run;
    if (!take_non_ascii(in, out) && run.empty()) break;
  }
  if (out.size() == before) return refuse("expected a local part");
  return {};
}

// Quoted-string = DQUOTE *QcontentSMTP DQUOTE
Result<std::string> parse_quoted_string(Cursor& in) {
  std::string text;
  if (!in.consume('"')) return refuse("expected '\"'");
  while (!in.at_end()) {
    if (in.consume('"')) return text;
    if (in.consume('\\')) {  // quoted-pairSMTP = %d92 %d32-126
      if (!ascii::is_printable(in.peek())) return refuse("bad quoted pair in local part");
      text += in.next();
    } else if (ascii::is_printable(in.peek())) {  // qtextSMTP
      text += in.next();
    } else if (!take_non_ascii(in, text)) {
      return refuse("bad character in quoted local part");
    }
  }
  return refuse("local part lacks its closing quote");
}

// sub-domain = Let-dig [Ldh-str], or a U-label. The underscore is no Ldh-str, but hosts have it
// (docs/violations.md).
Result<void> parse_sub_domain(Cursor& in, std::string& out) {
  const std::size_t before = out.size();
  for (;;) {
    const auto run =
        in.take_while([](char c) { return ascii::is_alnum(c) || c == '-' || c == '_'; });
    out += run;
    if (!take_non_ascii(in, out) && run.empty()) break;
  }
  const std::string_view label = std::string_view(out).substr(before);
  if (label.empty()) return refuse("expected a domain");
  if (label.front() == '-' || label.back() == '-')
    return refuse("domain label begins or ends with '-'");
  if (label.size() > kMaxLabel) return refuse_size("domain label too long");
  return {};
}

bool is_ip_address(int family, std::string_view text) {
  unsigned char octets[sizeof(in6_addr)];
  return ::inet_pton(family, std::string(text).c_str(), octets) == 1;
}

}  // namespace

bool AddrSpec::operator==(const AddrSpec& other) const {
  return local_part == other.local_part && ascii::iequals(domain, other.domain);
}

std::string quote_local_part(std::string_view local_part) {
  bool dot_string = !local_part.empty() && local_part.front() != '.' && local_part.back() != '.' &&
                    local_part.find("..") == std::string_view::npos;
  for (const char c : local_part)
    dot_string = dot_string && (is_atext(c) || c == '.' || ascii::is_8bit(c));
  if (dot_string) return std::string(local_part);
  std::string quoted = "\"";
  for (const char c : local_part) {
    if (c == '\r' || c == '\n' || c == '\0') continue;
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string to_string(const AddrSpec& addr_spec) {
  if (addr_spec.empty()) return {};
  std::string text = quote_local_part(addr_spec.local_part);
  if (addr_spec.domain.empty()) return text;
  text += '@';
  std::copy_if(addr_spec.domain.begin(), addr_spec.domain.end(), std::back_inserter(text),
               [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
  return text;
}

bool needs_smtputf8(const AddrSpec& addr_spec) {
  return !utf8::is_ascii(addr_spec.local_part) || !utf8::is_ascii(addr_spec.domain);
}

bool is_address_literal(std::string_view domain) {
  return domain.size() >= 2 && domain.front() == '[' && domain.back() == ']';
}

std::string_view literal_address(std::string_view domain) {
  if (!is_address_literal(domain)) return {};
  domain = domain.substr(1, domain.size() - 2);
  if (ascii::istarts_with(domain, "IPv6:")) domain.remove_prefix(5);
  return domain;
}

// Local-part = Dot-string / Quoted-string; Dot-string = Atom *("." Atom)
Result<std::string> parse_local_part(Cursor& in, const PathLimits& limits) {
  std::string local_part;
  if (in.peek_is('"')) {
    local_part = TRY(parse_quoted_string(in));
  } else {
    TRY(parse_atom(in, local_part));
    while (in.consume('.')) {
      local_part += '.';
      TRY(parse_atom(in, local_part));
    }
  }
  if (local_part.size() > limits.local_part) return refuse_size("local part too long");
  return local_part;
}

// Domain = sub-domain *("." sub-domain)
Result<std::string> parse_domain(Cursor& in, const PathLimits& limits) {
  std::string domain;
  TRY(parse_sub_domain(in, domain));
  while (in.consume('.')) {
    domain += '.';
    TRY(parse_sub_domain(in, domain));
  }
  if (domain.size() > limits.domain) return refuse_size("domain too long");
  return domain;
}

// address-literal = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal )
// "]"
Result<std::string> parse_address_literal(Cursor& in) {
  if (!in.consume('[')) return refuse("expected an address literal");
  const std::string inside(in.take_while([](char c) {  // dcontent: section 4.1.3
    return ascii::is_visible(c) && c != '[' && c != ']' && c != '\\';
  }));
  if (!in.consume(']')) return refuse("address literal lacks its ']'");
  const auto colon = inside.find(':');
  if (colon == std::string::npos) {
    if (!is_ip_address(AF_INET, inside)) return refuse("bad IPv4 address literal");
    return "[" + inside + "]";
  }
  if (ascii::iequals(inside.substr(0, colon), "IPv6")) {
    if (!is_ip_address(AF_INET6, inside.substr(colon + 1)))
      return refuse("bad IPv6 address literal");
    return "[IPv6:" + inside.substr(colon + 1) + "]";
  }
  // General-address-literal = Standardized-tag ":" 1*dcontent. No other tag is registered.
  return refuse("unknown kind of address literal");
}

// Mailbox = Local-part "@" ( Domain / address-literal )
Result<AddrSpec> parse_addr_spec(Cursor& in, const PathLimits& limits) {
  AddrSpec addr_spec;
  addr_spec.local_part = TRY(parse_local_part(in, limits));
  if (!in.consume('@')) return refuse("expected '@' and a domain");
  addr_spec.domain = TRY(in.peek_is('[') ? parse_address_literal(in) : parse_domain(in, limits));
  return addr_spec;
}

bool is_domain(std::string_view text) {
  Cursor in{text};
  const auto domain = in.peek_is('[') ? parse_address_literal(in) : parse_domain(in);
  return domain.has_value() && in.at_end();
}

Result<AddrSpec> parse_recipient_argument(std::string_view text) {
  text = ascii::trim(text);
  if (std::any_of(text.begin(), text.end(), ascii::is_control)) {
    return refuse("control character in address");
  }
  Cursor strict{text};  // the usual case, and the only one that reads "a..b" as a mistake
  if (auto addr_spec = parse_addr_spec(strict); addr_spec && strict.at_end()) return addr_spec;
  const AddressList list = parse_address_list(text);
  const auto addresses = flatten(list);
  if (addresses.empty()) return refuse("empty address");
  if (addresses.size() > 1) return refuse("more than one address");
  const AddrSpec& addr_spec = addresses.front().addr_spec;
  for (const Defect& defect : list.defects) {
    if (defect.kind != DefectKind::MissingDomain) return refuse("malformed address");
  }
  if (addr_spec.local_part.empty()) return refuse("empty address");
  if (addr_spec.local_part.size() > kMaxLocalPartTaken) return refuse_size("local part too long");
  if (!addr_spec.domain.empty() && !is_domain(addr_spec.domain)) return refuse("bad domain");
  return addr_spec;
}

}  // namespace mail::address
