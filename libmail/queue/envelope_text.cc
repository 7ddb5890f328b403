#include "libmail/queue/envelope_text.h"

#include <array>
#include <cstdio>
#include <optional>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::queue {
namespace {

constexpr std::string_view kMagic = "tubepost-queue 1 ";
constexpr std::size_t kMaxRecipients = 100000;

tl::unexpected<Error> corrupt(std::string_view what) {
  return fail(Errc::Corrupt, "Damaged queue file", "queue file: " + std::string(what));
}

std::string padded(std::uint64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

// FNV-1a, 64 bits, of the envelope with every status octet taken as pending: tells damage, not
// malice.
class Checksum {
 public:
  void add(std::string_view octets) {
    for (const char c : octets) {
      value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
  }
  [[nodiscard]] std::string text() const {
    std::string octets;
    for (int shift = 56; shift >= 0; shift -= 8) {
      octets += static_cast<char>((value_ >> static_cast<unsigned>(shift)) & 0xffU);
    }
    return ascii::to_hex(octets);
  }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

std::string checksum(std::string_view body, const std::vector<std::uint64_t>& offsets,
                     std::uint64_t base) {
  Checksum sum;
  std::size_t from = 0;
  for (const std::uint64_t offset : offsets) {
    const auto at = static_cast<std::size_t>(offset - base);
    sum.add(body.substr(from, at - from));
    sum.add(".");
    from = at + 1;
  }
  sum.add(body.substr(from));
  return sum.text();
}

void add_line(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += name;
  out += ' ';
  out += encode_value(value);
  out += '\n';
}

struct StringField {
  std::string_view name;
  std::string Recipient::*member;
};
constexpr auto kRecipientFields = std::to_array<StringField>({
    {"original", &Recipient::original_to},
    {"owner", &Recipient::owner},
    {"kind", &Recipient::kind},
    {"target", &Recipient::target},
    {"runs-as", &Recipient::runs_as},
});

struct EnvelopeField {
  std::string_view name;
  std::string Envelope::*member;
};
constexpr auto kEnvelopeFields = std::to_array<EnvelopeField>({
    {"from", &Envelope::reverse_path},
    {"client", &Envelope::client},
    {"login", &Envelope::sasl_user},
    {"parent", &Envelope::parent},
});

std::optional<RecipientState> to_state(char c) {
  for (const auto state : {RecipientState::Pending, RecipientState::Done, RecipientState::Failed}) {
    if (static_cast<char>(state) == c) return state;
  }
  return std::nullopt;
}

// A line "name value" of the envelope; of a recipient when one has begun.
Result<void> take_line(ParsedEnvelope& parsed, std::string_view name, std::string_view value,
                       std::uint64_t value_offset) {
  Envelope& envelope = parsed.envelope;
  if (name == "to") {  // "to . address"
    if (value.size() < 2 || value.substr(1, 1) != " ") return corrupt("bad recipient line");
    const auto state = to_state(value.front());
    if (!state) return corrupt("bad recipient state");
    if (envelope.recipients.size() >= kMaxRecipients) return corrupt("too many recipients");
    Recipient recipient;
    recipient.address = TRY(decode_value(value.substr(2)));
    recipient.state = *state;
    parsed.state_offsets.push_back(value_offset);
    envelope.recipients.push_back(std::move(recipient));
    return {};
  }
  std::string text = TRY(decode_value(value));
  if (!envelope.recipients.empty()) {
    Recipient& recipient = envelope.recipients.back();
    for (const auto& field : kRecipientFields) {
      if (name != field.name) continue;
      recipient.*field.member = std::move(text);
      return {};
    }
    if (name == "no-forward") recipient.no_forward = true;
    return {};  // names of a later version are passed over
  }
  for (const auto& field : kEnvelopeFields) {
    if (name != field.name) continue;
    envelope.*field.member = std::move(text);
    return {};
  }
  if (name == "id") {
    if (!is_queue_id(text)) return corrupt("bad id");
    envelope.id.value = std::move(text);
  } else if (name == "arrived") {
    envelope.arrived = TRY(parse_time(text));
  } else if (name == "smtputf8") {
    envelope.smtputf8 = true;
  } else if (name == "8bitmime") {
    envelope.body_8bit = true;
  }
  return {};
}

}  // namespace

std::string encode_value(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (ascii::is_control(c) || c == '\\') {
      out += "\\x" + ascii::to_hex({&c, 1});
    } else {
      out += c;
    }
  }
  return out;
}

Result<std::string> decode_value(std::string_view text) {
  std::string out;
  Cursor in(text);
  while (!in.at_end()) {
    const char c = in.next();
    if (c != '\\') {
      out += c;
      continue;
    }
    if (!in.consume('x')) return corrupt("bad escape");
    const auto octet = ascii::from_hex(in.take(2));
    if (!octet || octet->size() != 1) return corrupt("bad escape");
    out += *octet;
  }
  return out;
}

std::string format_time(WallTime time) {
  const auto microseconds = time.time_since_epoch().count();
  if (microseconds < 0) return "0.000000";
  constexpr std::int64_t kMillion = 1'000'000;
  return std::to_string(microseconds / kMillion) + "." +
         padded(static_cast<std::uint64_t>(microseconds % kMillion), 6);
}

Result<WallTime> parse_time(std::string_view text) {
  const auto parts = ascii::split(text, '.');
  if (parts.size() != 2 || parts.at(1).size() != 6) return corrupt("bad time");
  const auto seconds = ascii::to_number<std::uint32_t>(parts.at(0), 10);
  const auto micro = ascii::to_number<std::uint32_t>(parts.at(1), 10);
  if (!seconds || !micro) return corrupt("bad time");
  return WallTime{std::chrono::seconds(*seconds) + std::chrono::microseconds(*micro)};
}

Result<EnhancedStatus> parse_enhanced_status(std::string_view text) {
  const auto parts = ascii::split(text, '.');
  if (parts.size() != 3) return fail(Errc::Syntax, "not an enhanced status code");
  const auto cls = ascii::to_number<std::uint8_t>(parts.at(0));
  const auto subject = ascii::to_number<std::uint16_t>(parts.at(1));
  const auto detail = ascii::to_number<std::uint16_t>(parts.at(2));
  // RFC 3463 section 2: class 2, 4 or 5; subject and detail of one to three digits.
  if (!cls || (*cls != 2 && *cls != 4 && *cls != 5) || !subject || *subject > 999 || !detail ||
      *detail > 999) {
    return fail(Errc::Syntax, "not an enhanced status code");
  }
  return EnhancedStatus{*cls, *subject, *detail};
}

EnvelopeText serialize(const Envelope& envelope) {
  EnvelopeText text;
  std::string body;
  body += "id " + envelope.id.value + "\n";
  body += "arrived " + format_time(envelope.arrived) + "\n";
  for (const auto& field : kEnvelopeFields) add_line(body, field.name, envelope.*field.member);
  if (envelope.smtputf8) body += "smtputf8 yes\n";
  if (envelope.body_8bit) body += "8bitmime yes\n";
  for (const auto& recipient : envelope.recipients) {
    text.state_offsets.push_back(kFirstLineOctets + body.size() + 3);
    body += std::string("to ") + static_cast<char>(recipient.state) + " " +
            encode_value(recipient.address) + "\n";
    for (const auto& field : kRecipientFields) {
      body += (recipient.*field.member).empty() ? "" : " ";
      add_line(body, field.name, recipient.*field.member);
    }
    if (recipient.no_forward) body += " no-forward yes\n";
  }
  const std::string sum = checksum(body, text.state_offsets, kFirstLineOctets);
  body += "sum " + sum + "\n\n";
  text.octets = std::string(kMagic) + padded(kFirstLineOctets + body.size(), 15) + " " +
                padded(envelope.size, 20) + "\n" + body;
  return text;
}

Result<FirstLine> parse_first_line(std::string_view line) {
  Cursor in(line);
  if (line.size() != kFirstLineOctets || !in.consume(kMagic)) return corrupt("not a queue file");
  const auto envelope = ascii::to_number<std::uint64_t>(in.take(15));
  if (!envelope || !in.consume(' ')) return corrupt("bad first line");
  const auto message = ascii::to_number<std::uint64_t>(in.take(20));
  if (!message || !in.consume('\n') || *envelope < kFirstLineOctets ||
      *envelope > kMaxEnvelopeOctets) {
    return corrupt("bad first line");
  }
  return FirstLine{*envelope, *message};
}

Result<ParsedEnvelope> parse_envelope(std::string_view octets) {
  const FirstLine first = TRY(parse_first_line(octets.substr(0, kFirstLineOctets)));
  if (first.envelope_octets != octets.size()) return corrupt("cut short");
  ParsedEnvelope parsed;
  parsed.envelope.size = first.message_octets;
  Cursor in(octets);
  in.skip(kFirstLineOctets);
  std::optional<std::string> sum;
  std::size_t sum_at = 0;
  while (!in.at_end() && !in.peek_is('\n')) {
    const std::size_t line_at = in.position();
    in.consume(' ');  // indented lines belong to the recipient above
    const auto name = in.take_while([](char c) { return c != ' ' && c != '\n'; });
    if (!in.consume(' ')) return corrupt("line without a value");
    const std::size_t value_at = in.position();
    const auto value = in.take_while([](char c) { return c != '\n'; });
    if (!in.consume('\n')) return corrupt("line without an end");
    if (name == "sum") {
      sum = std::string(value);
      sum_at = line_at;
      break;
    }
    TRY(take_line(parsed, name, value, value_at));
  }
  if (!in.consume('\n') || !in.at_end() || !sum) return corrupt("no end of the envelope");
  const auto body = octets.substr(kFirstLineOctets, sum_at - kFirstLineOctets);
  if (checksum(body, parsed.state_offsets, kFirstLineOctets) != *sum) {
    return corrupt("wrong checksum");
  }
  if (parsed.envelope.id.value.empty()) return corrupt("no id");
  return parsed;
}

std::string serialize(const Attempts& attempts) {
  std::string out = "next " + format_time(attempts.next_try) + "\nattempts " +
                    std::to_string(attempts.count) + "\n";
  for (const auto& reason : attempts.reasons) {
    out += "reason " + std::to_string(reason.recipient) + " " + to_string(reason.status) + " " +
           encode_value(reason.text) + "\n";
  }
  return out;
}

Attempts parse_attempts(std::string_view text) {
  Attempts attempts;
  for (const auto line : ascii::split(text, '\n')) {
    Cursor in(line);
    if (in.consume("next ")) {
      if (const auto time = parse_time(in.rest())) attempts.next_try = *time;
    } else if (in.consume("attempts ")) {
      attempts.count = ascii::to_number<unsigned>(in.rest()).value_or(0);
    } else if (in.consume("reason ")) {
      const auto until_space = [](char c) { return c != ' '; };
      const auto index = ascii::to_number<std::size_t>(in.take_while(until_space));
      in.consume(' ');
      const auto status = parse_enhanced_status(in.take_while(until_space));
      in.consume(' ');
      auto reason = decode_value(in.rest());
      if (index && status && reason) {
        attempts.reasons.push_back({*index, *status, std::move(*reason)});
      }
    }
  }
  return attempts;
}

}  // namespace mail::queue
