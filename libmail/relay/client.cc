#include "libmail/relay/client.h"

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/log.h"

namespace mail::relay {
namespace {

constexpr std::size_t kMaxReplyLine = 2048;  // octets; RFC 5321 section 4.5.3.1.5 has 512
constexpr std::size_t kMaxReplyLines = 200;
constexpr std::size_t kMaxReplyText = 1000;  // octets kept

// "5.1.1 text" (RFC 2034 section 4); nothing if it does not begin so or its class is another.
std::optional<EnhancedStatus> parse_status(std::string_view text, int code) {
  Cursor in{text};
  const auto number = [&]() -> std::optional<std::uint16_t> {
    return ascii::to_number<std::uint16_t>(in.take_while(ascii::is_digit));
  };
  const auto cls = number();
  if (!cls || *cls != code / 100 || !in.consume('.')) return std::nullopt;
  const auto subject = number();
  if (!subject || *subject > 999 || !in.consume('.')) return std::nullopt;
  const auto detail = number();
  if (!detail || *detail > 999) return std::nullopt;
  return EnhancedStatus{static_cast<std::uint8_t>(*cls), *subject, *detail};
}

RecipientResult result_of(const RemoteReply& reply) {
  RecipientResult result;
  result.outcome = reply.is_positive() ? Outcome::Sent
                   : reply.code >= 500 ? Outcome::Failed
                                       : Outcome::Deferred;
  result.status = reply.status;
  result.text = reply.to_string();
  return result;
}

}  // namespace

Result<void> Client::write_line(std::string_view line) {
  auto written = io_.write_all(std::string(line) + "\r\n");
  if (!written) open_ = false;
  return written;
}

Result<RemoteReply> Client::read_reply(std::chrono::milliseconds timeout) {
  const auto deadline = clock_.monotonic() + timeout;
  RemoteReply reply;
  lines_of_reply_.clear();
  for (;;) {
    const auto end = input_.find('\n');
    if (end == std::string::npos) {
      if (input_.size() > kMaxReplyLine) {
        open_ = false;
        return fail(Errc::Syntax, EnhancedStatus{4, 5, 0}, "Reply line too long");
      }
      const auto more = io_.read_some(deadline);
      if (!more || more->empty()) {
        open_ = false;
        if (more) return fail(Errc::Closed, EnhancedStatus{4, 4, 2}, "lost connection");
        return fail(
            more.error().code, EnhancedStatus{4, 4, 2},
            more.error().code == Errc::Timeout ? "conversation timed out" : "lost connection");
      }
      input_ += *more;
      continue;
    }
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    const auto code = ascii::to_number<int>(std::string_view(line).substr(0, 3));
    const bool last = line.size() == 3 || (line.size() > 3 && line.at(3) == ' ');
    if (!code || *code < 200 || *code > 599 || (!last && (line.size() < 4 || line.at(3) != '-')) ||
        (reply.code != 0 && *code != reply.code) || lines_of_reply_.size() >= kMaxReplyLines) {
      open_ = false;
      return fail(Errc::Syntax, EnhancedStatus{4, 5, 0}, "Invalid reply: " + log::escape(line, 80));
    }
    reply.code = *code;
    std::string text;
    for (const char c : std::string_view(line).substr(std::min<std::size_t>(line.size(), 4))) {
      text += ascii::is_control(c) ? '?' : c;
    }
    if (reply.text.size() < kMaxReplyText) {
      reply.text += (reply.text.empty() ? "" : " ") + text.substr(0, kMaxReplyText);
    }
    lines_of_reply_.push_back(std::move(text));
    if (!last) continue;
    reply.status = parse_status(lines_of_reply_.back(), reply.code)
                       .value_or(EnhancedStatus{static_cast<std::uint8_t>(reply.code >= 500   ? 5
                                                                          : reply.code >= 400 ? 4
                                                                                              : 2),
                                                0, 0});
    if (reply.code == 421) open_ = false;
    return reply;
  }
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
  const auto greeting = TRY(read_reply(settings_.helo_timeout));
  if (!greeting.is_positive()) return refuse(greeting, "connecting");
  TRY(write_line("EHLO " + settings_.myhostname));
  const auto ehlo = TRY(read_reply(settings_.helo_timeout));
  if (ehlo.is_positive()) {
    esmtp_ = true;
    for (std::size_t i = 1; i < lines_of_reply_.size(); ++i) take_keywords(lines_of_reply_.at(i));
    return {};
  }
  if (ehlo.code == 421) return refuse(ehlo, "EHLO command");
  TRY(write_line("HELO " + settings_.myhostname));
  const auto helo = TRY(read_reply(settings_.helo_timeout));
  if (!helo.is_positive()) return refuse(helo, "HELO command");
  return {};
}

Result<void> Client::write_data(const Message& message) {
  // LF to CRLF and dot-stuffing (RFC 5321 section 4.5.2), a block at a time.
  bool at_line_start = true;
  for (std::uint64_t offset = 0;;) {
    const std::string block = TRY(message.read(offset));
    if (block.empty()) break;
    offset += block.size();
    std::string out;
    out.reserve(block.size() + block.size() / 32 + 16);
    for (std::size_t at = 0; at < block.size();) {
      if (at_line_start && block[at] == '.') out += '.';
      const auto end = block.find('\n', at);
      const auto stop = end == std::string::npos ? block.size() : end;
      out.append(block, at, stop - at);
      at_line_start = end != std::string::npos;
      if (at_line_start) out += "\r\n";
      at = at_line_start ? stop + 1 : stop;
    }
    if (auto written = io_.write_all(out); !written) {
      open_ = false;
      return written;
    }
  }
  return write_line(at_line_start ? "." : "\r\n.");
}

std::vector<RecipientResult> Client::send(const Message& message) {
  std::vector<RecipientResult> results(message.recipients.size());
  const auto all = [&](Outcome outcome, EnhancedStatus status, const std::string& text) {
    for (auto& result : results) {
      // A recipient that was refused already stays so.
      if (result.outcome == Outcome::Failed && !result.text.empty()) continue;
      result = {outcome, status, text};
    }
    return results;
  };
  const auto broken = [&](const Error& error, std::string_view when) {
    open_ = false;
    return all(Outcome::Deferred, {4, 4, 2}, error.public_text + " while " + std::string(when));
  };
  if (message.smtputf8 && !utf8_) {  // RFC 6531 section 3.6
    return all(Outcome::Failed, {5, 6, 7}, "the next hop does not offer SMTPUTF8");
  }
  if (size_limit_ && message.size > *size_limit_) {
    return all(Outcome::Failed, {5, 3, 4},
               "message size " + std::to_string(message.size) + " exceeds the next hop's limit " +
                   std::to_string(*size_limit_));
  }
  std::string mail = "MAIL FROM:<" + message.reverse_path + '>';
  if (size_limit_) mail += " SIZE=" + std::to_string(message.size);
  // Without 8BITMIME the octets go as they are: every receiver today takes them, and a conversion
  // would break signatures (docs/smtp.md).
  if (message.body_8bit && eight_bit_) mail += " BODY=8BITMIME";
  if (message.smtputf8) mail += " SMTPUTF8";

  // RFC 2920: MAIL, all RCPT and DATA in one write where the server allows it.
  std::string group = mail + "\r\n";
  for (const auto& recipient : message.recipients) group += "RCPT TO:<" + recipient + ">\r\n";
  if (pipelining_) {
    if (auto written = io_.write_all(group + "DATA\r\n"); !written)
      return broken(written.error(), "sending MAIL FROM");
  } else if (auto written = write_line(mail); !written) {
    return broken(written.error(), "sending MAIL FROM");
  }
  const auto mail_reply = read_reply(settings_.command_timeout);
  if (!mail_reply) return broken(mail_reply.error(), "sending MAIL FROM");
  const bool sender_ok = mail_reply->is_positive();
  if (!sender_ok) {
    const auto refused = result_of(*mail_reply);
    for (auto& result : results) {
      result = refused;
      result.text = "host said: " + result.text + " (in reply to MAIL FROM command)";
    }
    if (!pipelining_) {
      if (open_) {
        static_cast<void>(write_line("RSET"));
        static_cast<void>(read_reply(settings_.command_timeout));
      }
      return results;
    }
  }
  bool any = false;
  for (std::size_t i = 0; i < message.recipients.size(); ++i) {
    if (!pipelining_) {
      if (auto written = write_line("RCPT TO:<" + message.recipients.at(i) + '>'); !written) {
        return broken(written.error(), "sending RCPT TO");
      }
    }
    const auto reply = read_reply(settings_.command_timeout);
    if (!reply) return broken(reply.error(), "sending RCPT TO");
    if (!sender_ok) continue;
    if (reply->is_positive()) {
      any = true;
      results.at(i).text.clear();
    } else {
      results.at(i) = result_of(*reply);
      results.at(i).text = "host said: " + results.at(i).text + " (in reply to RCPT TO command)";
    }
  }
  const auto take_final = [&](const RemoteReply& reply, std::string_view when) {
    for (auto& result : results) {
      if (!result.text.empty()) continue;
      result = result_of(reply);
      if (!reply.is_positive())
        result.text = "host said: " + result.text + " (in reply to " + std::string(when) + ')';
    }
  };
  if (!any && !pipelining_) {
    static_cast<void>(write_line("RSET"));
    static_cast<void>(read_reply(settings_.command_timeout));
    return results;
  }
  if (!pipelining_) {
    if (auto written = write_line("DATA"); !written) return broken(written.error(), "sending DATA");
  }
  const auto data_reply = read_reply(settings_.command_timeout);
  if (!data_reply) return broken(data_reply.error(), "sending DATA");
  if (!any) {
    // Pipelined, and nobody is left: a server that said 354 all the same gets an empty message, as
    // RFC 2920 section 3.1 has it.
    if (data_reply->code == 354) {
      static_cast<void>(write_line("."));
      static_cast<void>(read_reply(settings_.final_timeout));
    }
    return results;
  }
  if (data_reply->code != 354) {
    take_final(
        data_reply->is_positive() ? RemoteReply{451, {4, 5, 0}, data_reply->text} : *data_reply,
        "DATA command");
    return results;
  }
  if (const auto written = write_data(message); !written) {
    // The last dot may be among what was written, or our own file could not be read: not known.
    open_ = false;
    return all(Outcome::Deferred, {4, 4, 2},
               written.error().public_text + " while sending message body");
  }
  const auto final_reply = read_reply(settings_.final_timeout);
  if (!final_reply) {
    open_ = false;
    for (auto& result : results) {
      if (result.text.empty()) {
        result = {Outcome::Unknown,
                  {4, 4, 2},
                  final_reply.error().public_text +
                      " while sending end of data -- message may be sent more than once"};
      }
    }
    return results;
  }
  take_final(*final_reply, "end of DATA command");
  return results;
}

void Client::quit() {
  if (open_ && write_line("QUIT")) static_cast<void>(read_reply(std::chrono::seconds(10)));
  open_ = false;
}

}  // namespace mail::relay
