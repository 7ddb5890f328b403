// The grammar of RFC 5321 section 4.1.2, a function a rule, and the verb tables.
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/smtp/command.h"

namespace mail::smtp {
namespace {

constexpr std::size_t kMaxParameters = 20;
constexpr std::size_t kMaxHeloName = 255;  // octets: a Domain's limit

// helo = "HELO" SP Domain; ehlo takes an address literal too. Clients send names with underscores
// and worse; what cannot harm is taken and shown escaped, as every server does.
Result<Command> parse_helo_name(std::string_view arguments, bool extended) {
  const std::string_view name = ascii::trim(arguments);
  if (name.empty()) return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Syntax: name expected");
  if (name.size() > kMaxHeloName)
    return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Name too long");
  for (const char c : name) {
    if (ascii::is_control(c) || c == ' ' || c == '<' || c == '>' || c == '(' || c == ')') {
      return fail(Errc::Syntax, EnhancedStatus{5, 5, 2}, "Invalid name");
    }
  }
  return Command{Helo{std::string(name), extended}};
}
Result<Command> parse_helo(std::string_view arguments) { return parse_helo_name(arguments, false); }
Result<Command> parse_ehlo(std::string_view arguments) { return parse_helo_name(arguments, true); }

// xtext (RFC 3461 section 4): "+" and two hexadecimal digits stand for any octet.
Result<std::string> decode_xtext(std::string_view text) {
  std::string out;
  Cursor in{text};
  while (!in.at_end()) {
    const char c = in.next();
    if (c != '+') {
      if (!ascii::is_visible(c) || c == '=')
        return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Invalid xtext");
      out += c;
      continue;
    }
    const auto octet = ascii::from_hex(in.take(2));
    if (!octet || octet->size() != 1)
      return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Invalid xtext");
    out += *octet;
  }
  return out;
}

// Mail-parameters = esmtp-param *(SP esmtp-param)
Result<void> parse_mail_parameter(std::string_view word, Mail& command) {
  const auto equals = word.find('=');
  const std::string_view keyword = word.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
  if (ascii::iequals(keyword, "SIZE")) {  // RFC 1870 section 5: up to 20 digits
    command.size = ascii::to_number<std::uint64_t>(value);
    if (!command.size || value.size() > 20)
      return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Invalid SIZE");
    return {};
  }
  if (ascii::iequals(keyword, "BODY")) {  // RFC 6152 section 2
    if (ascii::iequals(value, "8BITMIME")) {
      command.body_8bit = true;
    } else if (!ascii::iequals(value, "7BIT")) {
      return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Invalid BODY");
    }
    return {};
  }
  if (ascii::iequals(keyword, "SMTPUTF8") && equals == std::string_view::npos) {
    command.smtputf8 = true;
    return {};
  }
  if (ascii::iequals(keyword, "AUTH")) {
    command.auth = TRY(decode_xtext(value));
    return {};
  }
  return fail(Errc::Unsupported, EnhancedStatus{5, 5, 4}, "Unsupported option");
}

// "<root>": no path of RFC 5321, but local clients send it, and the session completes it or not.
std::optional<address::AddrSpec> parse_local_name(Cursor& in) {
  const std::size_t begin = in.position();
  if (in.consume('<')) {
    address::AddrSpec local;
    local.local_part = in.take_while(
        [](char c) { return ascii::is_alnum(c) || c == '.' || c == '_' || c == '-' || c == '+'; });
    if (!local.local_part.empty() && in.consume('>')) return local;
  }
  in.rewind(begin);
  return std::nullopt;
}

// mail = "MAIL FROM:" Reverse-path [SP Mail-parameters]
Result<Command> parse_mail(std::string_view arguments) {
  Cursor in{arguments};
  Mail command;
  if (!in.consume_nocase("FROM:")) {
    return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Syntax: MAIL FROM:<address>");
  }
  in.take_while(ascii::is_wsp);  // "MAIL FROM: <a@b>" is wrong, common and harmless
  if (auto local = parse_local_name(in)) {
    command.reverse_path.addr_spec = std::move(local);
  } else {
    auto path = address::parse_reverse_path(in);
    if (!path) return fail(Errc::Syntax, EnhancedStatus{5, 1, 7}, "Bad sender address syntax");
    command.reverse_path = *std::move(path);
  }
  if (!in.at_end() && !ascii::is_wsp(in.peek())) {
    return fail(Errc::Syntax, EnhancedStatus{5, 1, 7}, "Bad sender address syntax");
  }
  const auto words = ascii::words(in.rest(), " \t");
  if (words.size() > kMaxParameters)
    return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Too many parameters");
  for (const auto word : words) TRY(parse_mail_parameter(word, command));
  const bool is_utf8 =
      command.reverse_path.addr_spec && address::needs_smtputf8(*command.reverse_path.addr_spec);
  if (is_utf8 && !command.smtputf8) {  // RFC 6531 section 3.5
    return fail(Errc::Syntax, EnhancedStatus{5, 6, 7}, "Address needs SMTPUTF8");
  }
  return Command{std::move(command)};
}

// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
Result<Command> parse_rcpt(std::string_view arguments) {
  Cursor in{arguments};
  if (!in.consume_nocase("TO:"))
    return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Syntax: RCPT TO:<address>");
  in.take_while(ascii::is_wsp);
  Rcpt command;
  if (auto local = parse_local_name(in)) {
    command.forward_path.addr_spec = *std::move(local);
  } else {
    auto path = address::parse_forward_path(in);
    if (!path) return fail(Errc::Syntax, EnhancedStatus{5, 1, 3}, "Bad recipient address syntax");
    command.forward_path = *std::move(path);
  }
  if (!in.at_end() && !ascii::is_wsp(in.peek())) {
    return fail(Errc::Syntax, EnhancedStatus{5, 1, 3}, "Bad recipient address syntax");
  }
  if (!ascii::trim(in.rest()).empty()) {
    return fail(Errc::Unsupported, EnhancedStatus{5, 5, 4}, "Unsupported option");
  }
  command.original = address::to_string(command.forward_path.addr_spec);
  return Command{std::move(command)};
}

template <class Bare>
Result<Command> parse_bare(std::string_view arguments) {
  if (!ascii::trim(arguments).empty()) {
    return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "No arguments expected");
  }
  return Command{Bare{}};
}
template <class Any>
Result<Command> parse_any(std::string_view /*arguments*/) {
  return Command{Any{}};
}
Result<Command> parse_vrfy(std::string_view arguments) {
  if (ascii::trim(arguments).empty())
    return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Syntax: VRFY address");
  return Command{Vrfy{std::string(ascii::trim(arguments))}};
}

// "AUTH" SP sasl-mech [SP initial-response] (RFC 4954 section 4)
Result<Command> parse_auth(std::string_view arguments) {
  const auto words = ascii::words(arguments, " \t");
  if (words.empty() || words.size() > 2) {
    return fail(Errc::Syntax, EnhancedStatus{5, 5, 4}, "Syntax: AUTH mechanism");
  }
  Auth command{ascii::to_upper(words.front()), std::nullopt};
  if (words.size() == 2) command.initial_response = words.at(1);
  return Command{std::move(command)};
}

constexpr std::string_view kHelloFirst = "Send HELO/EHLO first";
constexpr std::string_view kMailFirst = "Need MAIL command";

constexpr auto kSmtpVerbs = std::to_array<Verb>({
    // name, parser, allowed in (RFC 5321 section 4.1.4), ends pipelined group (RFC 2920
    // section 3.1), said otherwise, allowed before TLS where that is required (RFC 3207 section 4)
    {"EHLO", parse_ehlo, kAnyState, true, {}, true},
    {"HELO", parse_helo, kAnyState, true, {}, true},
    {"MAIL", parse_mail, Greeted, false, "Nested MAIL command"},
    {"RCPT", parse_rcpt, HasSender | HasRecipient, false, kMailFirst},
    {"DATA", parse_bare<Data>, HasSender | HasRecipient, true, kMailFirst},
    {"RSET", parse_bare<Rset>, kAnyState, false, {}},
    {"NOOP", parse_any<Noop>, kAnyState, true, {}, true},
    {"QUIT", parse_any<Quit>, kAnyState, true, {}, true},
    {"VRFY", parse_vrfy, kAnyState, true, {}},
    {"EXPN", parse_any<Expn>, kAnyState, true, {}},
    {"HELP", parse_any<Help>, kAnyState, true, {}},
    {"STARTTLS", parse_bare<StartTls>, Greeted, true, "Not now", true},
    {"AUTH", parse_auth, Greeted, true, "Not now"},
});

constexpr auto kLmtpVerbs = std::to_array<Verb>({
    {"LHLO", parse_ehlo, kAnyState, true, {}},
    {"MAIL", parse_mail, Greeted, false, "Nested MAIL command"},
    {"RCPT", parse_rcpt, HasSender | HasRecipient, false, kMailFirst},
    {"DATA", parse_bare<Data>, HasSender | HasRecipient, true, kMailFirst},
    {"RSET", parse_bare<Rset>, kAnyState, false, {}},
    {"NOOP", parse_any<Noop>, kAnyState, true, {}},
    {"QUIT", parse_any<Quit>, kAnyState, true, {}},
    {"VRFY", parse_vrfy, kAnyState, true, {}},
});

}  // namespace

std::span<const Verb> smtp_verbs() { return kSmtpVerbs; }
std::span<const Verb> lmtp_verbs() { return kLmtpVerbs; }

Split split_command(std::string_view line, std::span<const Verb> verbs) {
  Cursor in{line};
  in.take_while(ascii::is_wsp);
  const std::string_view word = in.take_while(ascii::is_alpha);
  Split split;
  if (!in.at_end() && !ascii::is_wsp(in.peek())) return split;
  in.take_while(ascii::is_wsp);
  for (const auto& verb : verbs) {
    if (ascii::iequals(verb.name, word)) split.verb = &verb;
  }
  split.arguments = in.rest();
  return split;
}

}  // namespace mail::smtp
