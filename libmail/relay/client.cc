#include "libmail/relay/client.h"

#include <algorithm>
#include <utility>

#include "libmail/base/ascii.h"

namespace mail::relay {
namespace {

constexpr auto kQuitTimeout = std::chrono::seconds(10);  // nothing depends on its reply

RecipientResult result_of(const RemoteReply& reply, std::string_view when) {
  RecipientResult result;
  result.reply = reply.to_string();
  result.text = result.reply;
  result.status = reply.status;
  if (reply.is_positive()) {
    result.outcome = Outcome::Sent;
    return result;
  }
  result.outcome = reply.is_permanent() ? Outcome::Failed : Outcome::Deferred;
  if (reply.code < 400) result.status = {4, 5, 0};  // 3yz where nothing asks for it
  result.text = "host said: " + result.reply + " (in reply to " + std::string(when) + ')';
  return result;
}

RecipientResult result_of(const Error& error) {
  return {Outcome::Deferred, error.status, error.public_text, {}};
}

bool is_8bit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), ascii::is_8bit);
}
bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), ascii::is_control);
}

}  // namespace

// What is known of each recipient while the transaction goes on. The undecided ones are those that
// the server has not refused.
class Client::Tally {
 public:
  explicit Tally(std::size_t recipients) : results_(recipients), decided_(recipients) {}

  [[nodiscard]] bool is_decided(std::size_t index) const { return decided_.at(index); }
  [[nodiscard]] bool all_decided() const {
    return std::find(decided_.begin(), decided_.end(), false) == decided_.end();
  }
  void decide(std::size_t index, RecipientResult result) {
    if (decided_.at(index)) return;
    decided_.at(index) = true;
    results_.at(index) = std::move(result);
  }
  void decide_rest(const RecipientResult& result) {
    for (std::size_t i = 0; i < results_.size(); ++i) decide(i, result);
  }
  [[nodiscard]] std::vector<RecipientResult> take() { return std::move(results_); }

 private:
  std::vector<RecipientResult> results_;
  std::vector<bool> decided_;
};

Result<void> Client::write(std::string_view octets, std::string_view when) {
  if (io_.write_all(octets)) return {};
  open_ = false;
  return fail(Errc::Closed, EnhancedStatus{4, 4, 2}, "lost connection while " + std::string(when));
}

Result<RemoteReply> Client::read_reply(std::chrono::milliseconds timeout, std::string_view when) {
  const auto broken = [&](Errc code, EnhancedStatus status, const std::string& what) {
    open_ = false;
    return fail(code, status, what + " while " + std::string(when));
  };
  const auto deadline = clock_.monotonic() + timeout;
  for (;;) {
    auto reply = replies_.next();
    if (!reply) return broken(reply.error().code, reply.error().status, reply.error().public_text);
    if (*reply) {
      // RFC 5321 section 3.8: the server closes behind it, whatever was asked.
      if ((*reply)->code == 421) open_ = false;
      return **std::move(reply);
    }
    const auto more = io_.read_some(deadline);
    if (!more && more.error().code == Errc::Timeout) {
      return broken(Errc::Timeout, {4, 4, 2}, "conversation timed out");
    }
    if (!more || more->empty()) return broken(Errc::Closed, {4, 4, 2}, "lost connection");
    replies_.feed(*more);
  }
}

Result<RemoteReply> Client::ask(std::string_view command, std::chrono::milliseconds timeout) {
  const std::string when = "sending " + std::string(command.substr(0, command.find(' ')));
  TRY(write(std::string(command) + "\r\n", when));
  return read_reply(timeout, when);
}

void Client::take_keywords(const std::string& text) {
  const auto words = ascii::words(text, " ");
  if (words.empty()) return;
  if (ascii::iequals(words.front(), "PIPELINING")) pipelining_ = true;
  if (ascii::iequals(words.front(), "8BITMIME")) eight_bit_ = true;
  if (ascii::iequals(words.front(), "SMTPUTF8")) utf8_ = true;
  if (ascii::iequals(words.front(), "SIZE")) {
    size_limit_ = words.size() > 1 ? ascii::to_number<std::uint64_t>(words.at(1)) : std::nullopt;
    if (size_limit_ == 0U) size_limit_.reset();
    if (!size_limit_) size_limit_ = UINT64_MAX;  // announced without a limit (RFC 1870 section 4)
  }
}

Result<void> Client::greet() {
  const auto refuse = [this](const RemoteReply& reply, std::string_view when) {
    // A server that greets 5xx takes no mail now; whether ever is its operator's affair, so that
    // only 521 and 556 (RFC 7504) are taken as final.
    const bool final = reply.code == 521 || reply.code == 556;
    EnhancedStatus status = reply.status;
    status.cls = final ? 5 : 4;
    quit();
    return fail(Errc::Unavailable, status,
                "host said: " + reply.to_string() + " (in reply to " + std::string(when) + ')');
  };
  const auto greeting = TRY(read_reply(settings_.helo_timeout, "waiting for the greeting"));
  if (!greeting.is_positive()) return refuse(greeting, "connecting");
  const auto ehlo = TRY(ask("EHLO " + settings_.myhostname, settings_.helo_timeout));
  if (ehlo.is_positive()) {
    for (std::size_t i = 1; i < ehlo.lines.size(); ++i) take_keywords(ehlo.lines.at(i));
    return {};
  }
  if (!open_) return refuse(ehlo, "EHLO command");
  const auto helo = TRY(ask("HELO " + settings_.myhostname, settings_.helo_timeout));
  if (!helo.is_positive()) return refuse(helo, "HELO command");
  return {};
}

// LF to CRLF and dot-stuffing (RFC 5321 section 4.5.2), a block at a time. A CR goes out only as
// part of a line end (section 2.3.8), so that nobody behind us finds another end of data in it.
Result<void> Client::write_data(const Message& message) {
  constexpr std::string_view kWhen = "sending message body";
  bool at_line_start = true;
  bool cr_waits = false;  // at a block's end: a line end, or nothing but a CR?
  for (std::uint64_t offset = 0;;) {
    auto read = message.read(offset);
    if (!read) {
      // Not the peer's fault, but only closing tells it that this is not the end.
      open_ = false;
      return fail(Errc::Io, EnhancedStatus{4, 3, 0}, "cannot read the queued message",
                  read.error().log_text);
    }
    const std::string& block = *read;
    if (block.empty()) break;
    offset += block.size();
    std::string out;
    out.reserve(block.size() + block.size() / 32 + 16);
    for (std::size_t at = 0; at < block.size();) {
      if (std::exchange(cr_waits, false) && block[at] != '\n') {
        out += ' ';
        at_line_start = false;
      }
      if (at_line_start && block[at] == '.') out += '.';
      const auto stop = std::min(block.find_first_of("\r\n", at), block.size());
      out.append(block, at, stop - at);
      if (stop > at) at_line_start = false;
      if (stop == block.size()) break;
      if (block[stop] == '\n') {
        out += "\r\n";
        at_line_start = true;
      } else {
        cr_waits = true;
      }
      at = stop + 1;
    }
    TRY(write(out, kWhen));
  }
  return write(at_line_start && !cr_waits ? ".\r\n" : "\r\n.\r\n", kWhen);
}

// Refused before anything is said to the server.
std::optional<RecipientResult> Client::refuse_unsent(const Message& message) const {
  const auto refuse = [](EnhancedStatus status, std::string text) {
    return RecipientResult{Outcome::Failed, status, std::move(text), {}};
  };
  if (has_control(message.reverse_path)) {
    return refuse({5, 1, 7}, "control characters in the sender's address");
  }
  if ((message.smtputf8 || is_8bit(message.reverse_path)) && !utf8_) {  // RFC 6531 section 3.6
    return refuse({5, 6, 7}, "the next hop does not offer SMTPUTF8");
  }
  if (size_limit_ && message.size > *size_limit_) {
    return refuse({5, 3, 4}, "message size " + std::to_string(message.size) +
                                 " exceeds the next hop's limit " + std::to_string(*size_limit_));
  }
  return std::nullopt;
}

std::string Client::format_mail(const Message& message) const {
  std::string mail = "MAIL FROM:<" + message.reverse_path + '>';
  if (size_limit_) mail += " SIZE=" + std::to_string(message.size);
  // Without 8BITMIME the octets go as they are: every receiver today takes them, and a conversion
  // would break signatures (docs/smtp.md).
  if (message.body_8bit && eight_bit_) mail += " BODY=8BITMIME";
  const bool needs_utf8 = message.smtputf8 || is_8bit(message.reverse_path) ||
                          std::any_of(message.recipients.begin(), message.recipients.end(),
                                      [](const std::string& one) { return is_8bit(one); });
  if (needs_utf8 && utf8_) mail += " SMTPUTF8";
  return mail + "\r\n";
}

std::vector<RecipientResult> Client::send(const Message& message) {
  Tally tally(message.recipients.size());
  if (const auto refused = refuse_unsent(message)) tally.decide_rest(*refused);
  for (std::size_t i = 0; i < message.recipients.size(); ++i) {
    const auto& recipient = message.recipients.at(i);
    if (recipient.empty() || has_control(recipient)) {
      tally.decide(i, {Outcome::Failed, {5, 1, 3}, "not an address", {}});
    } else if (is_8bit(recipient) && !utf8_) {
      tally.decide(i, {Outcome::Failed, {5, 6, 7}, "the next hop does not offer SMTPUTF8", {}});
    }
  }
  if (tally.all_decided()) return tally.take();
  if (!open_) {
    tally.decide_rest({Outcome::Deferred, {4, 4, 2}, "lost connection", {}});
    return tally.take();
  }
  if (const auto done = transact(message, tally); !done) tally.decide_rest(result_of(done.error()));
  return tally.take();
}

// An Error: the connection is broken, which decides the rest.
Result<void> Client::transact(const Message& message, Tally& tally) {
  if (in_transaction_) {
    // A transaction that ended early is open still: the next MAIL would be out of order.
    const auto reset = TRY(ask("RSET", settings_.command_timeout));
    if (!reset.is_positive()) {
      open_ = false;
      return fail(Errc::Syntax, EnhancedStatus{4, 5, 0},
                  "host said: " + reset.to_string() + " (in reply to RSET command)");
    }
    in_transaction_ = false;
  }
  TRY(send_envelope(message, tally));
  if (tally.all_decided() && !pipelining_) return {};
  if (!open_) return {};
  const auto data = TRY(pipelining_ ? read_reply(settings_.command_timeout, "sending DATA")
                                    : ask("DATA", settings_.command_timeout));
  if (data.code != 354) {
    // "250" here: not known what it means, and certainly not that the message was taken.
    if (data.is_positive()) {
      open_ = false;
      return fail(Errc::Syntax, EnhancedStatus{4, 5, 0},
                  "host said: " + data.to_string() + " (in reply to DATA command)");
    }
    tally.decide_rest(result_of(data, "DATA command"));
    return {};
  }
  if (tally.all_decided()) {
    // Pipelined, and nobody is left: a server that said 354 all the same gets an empty message, as
    // RFC 2920 section 3.1 has it.
    TRY(write(".\r\n", "sending end of data"));
    TRY(read_reply(settings_.final_timeout, "sending end of data"));
    in_transaction_ = false;
    return {};
  }
  if (replies_.has_rest()) {
    open_ = false;
    return fail(Errc::Syntax, EnhancedStatus{4, 5, 0}, "replies out of step while sending DATA");
  }
  TRY(write_data(message));
  const auto final_reply = read_reply(settings_.final_timeout, "sending end of data");
  if (!final_reply) {
    tally.decide_rest({Outcome::Unknown,
                       {4, 4, 2},
                       final_reply.error().public_text + " -- message may be sent more than once",
                       {}});
    return {};
  }
  in_transaction_ = false;
  tally.decide_rest(result_of(*final_reply, "end of DATA command"));
  return {};
}

// MAIL and RCPT; with PIPELINING also DATA, all in one write (RFC 2920), whose replies are read up
// to RCPT's.
Result<void> Client::send_envelope(const Message& message, Tally& tally) {
  const auto format_rcpt = [&](std::size_t i) {
    return "RCPT TO:<" + message.recipients.at(i) + ">\r\n";
  };
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < message.recipients.size(); ++i) {
    if (!tally.is_decided(i)) asked.push_back(i);
  }
  std::string group = format_mail(message);
  if (pipelining_) {
    for (const auto i : asked) group += format_rcpt(i);
    group += "DATA\r\n";
  }
  TRY(write(group, "sending MAIL FROM"));
  const auto mail = TRY(read_reply(settings_.command_timeout, "sending MAIL FROM"));
  in_transaction_ = mail.is_positive();
  if (!mail.is_positive()) tally.decide_rest(result_of(mail, "MAIL FROM command"));
  for (const auto i : asked) {
    if (!open_ || (!pipelining_ && !in_transaction_)) return {};
    if (!pipelining_) TRY(write(format_rcpt(i), "sending RCPT TO"));
    const auto reply = TRY(read_reply(settings_.command_timeout, "sending RCPT TO"));
    if (!reply.is_positive()) tally.decide(i, result_of(reply, "RCPT TO command"));
    if (!open_) tally.decide_rest(result_of(reply, "RCPT TO command"));
  }
  return {};
}

void Client::quit() {
  if (open_) static_cast<void>(ask("QUIT", kQuitTimeout));
  open_ = false;
}

}  // namespace mail::relay
