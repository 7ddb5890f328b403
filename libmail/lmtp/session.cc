#include "libmail/lmtp/session.h"

#include <algorithm>

#include "libmail/base/log.h"
#include "libmail/message/date.h"
#include "libmail/message/trace.h"
#include "libmail/queue/end_points.h"

namespace mail::lmtp {
namespace {

using smtp::Reply;

constexpr EnhancedStatus kOk{2, 0, 0};

Reply write_error(const Error& error) {
  log::error(error.log_text);
  if (error.code == Errc::NoSpace || error.code == Errc::OverQuota) {
    return {452, {4, 3, 1}, "Insufficient system storage"};
  }
  return {451, {4, 3, 0}, "Error: queue file write error"};
}

}  // namespace

Session::Session(const smtp::Settings& settings, std::string client, Services services)
    : settings_(settings), client_(std::move(client)), services_(std::move(services)) {
  deadline_ = services_.clock.monotonic() + settings_.timeout;
  say({220, {settings_.myhostname + " LMTP Tubepost"}});
}

void Session::close_with(const Reply& reply) {
  say(reply);
  closing_ = true;
}

void Session::timed_out() {
  close_with({421, {4, 4, 2}, settings_.myhostname + " Error: timeout exceeded"});
}

void Session::terminate() {
  close_with({421, {4, 3, 2}, settings_.myhostname + " Service not available, closing"});
}

void Session::reset() {
  mail_ = {};
  recipients_.clear();
  draft_.reset();
  decoder_ = {};
  refusal_.reset();
  in_data_ = false;
  if (state_ != smtp::Connected) state_ = smtp::Greeted;
}

void Session::receive(std::string_view octets) {
  if (octets.empty()) {
    closing_ = true;
    return;
  }
  deadline_ = services_.clock.monotonic() + settings_.timeout;
  if (in_data_) {
    receive_data(octets);
  } else {
    framer_.feed(octets);
  }
  process();
}

void Session::process() {
  while (!in_data_ && !closing_) {
    const auto line = framer_.next();
    if (!line) return;
    Reply reply;
    if (!*line) {
      reply = smtp::to_reply(line->error());
    } else {
      const auto [verb, arguments] = smtp::split_command(**line, smtp::lmtp_verbs());
      if (verb == nullptr) {
        reply = {
            500, {5, 5, 2}, "Error: command not recognized"};  // HELO and EHLO too, section 4.1
      } else if ((verb->allowed_in & state_) == 0) {
        reply = {503,
                 {5, 5, 1},
                 "Error: " +
                     std::string(state_ == smtp::Connected ? "send LHLO first" : verb->otherwise)};
      } else if (const auto command = verb->parse(arguments); !command) {
        reply = smtp::to_reply(command.error());
      } else {
        reply = execute(*command);
      }
    }
    say(reply);
    if (reply.code >= 400 && ++errors_ >= settings_.hard_error_limit) {
      close_with({421, {4, 7, 0}, settings_.myhostname + " Error: too many errors"});
    }
    if (in_data_) {
      if (const std::string rest = framer_.take_rest(); !rest.empty()) receive_data(rest);
    }
  }
}

Reply Session::execute(const smtp::Command& command) {
  if (const auto* helo = std::get_if<smtp::Helo>(&command)) {
    reset();
    helo_ = helo->domain;
    state_ = smtp::Greeted;
    // RFC 2033 section 5: these two must be there.
    return {250,
            {settings_.myhostname, "PIPELINING", "ENHANCEDSTATUSCODES",
             "SIZE " + std::to_string(settings_.message_size_limit), "8BITMIME", "SMTPUTF8"}};
  }
  if (const auto* mail = std::get_if<smtp::Mail>(&command)) {
    if (settings_.message_size_limit != 0 &&
        mail->size.value_or(0) > settings_.message_size_limit) {
      return {552, {5, 3, 4}, "Message size exceeds fixed limit"};
    }
    reset();
    mail_ = *mail;
    state_ = smtp::HasSender;
    return {250, {2, 1, 0}, "Ok"};
  }
  if (const auto* rcpt = std::get_if<smtp::Rcpt>(&command)) return accept(*rcpt);
  if (std::holds_alternative<smtp::Data>(command)) return start_message();
  if (std::holds_alternative<smtp::Rset>(command)) {
    reset();
    return {250, kOk, "Ok"};
  }
  if (std::holds_alternative<smtp::Quit>(command)) {
    closing_ = true;
    return {221, kOk, "Bye"};
  }
  if (std::holds_alternative<smtp::Vrfy>(command))
    return {252, {2, 5, 2}, "Send some mail, I'll try my best"};
  return {250, kOk, "Ok"};  // NOOP
}

Reply Session::accept(const smtp::Rcpt& command) {
  if (recipients_.size() >= settings_.recipient_limit)
    return {452, {4, 5, 3}, "Error: too many recipients"};
  Trace trace;
  auto decision = services_.policy.decide({}, command.forward_path, trace);
  if (!decision) {
    Reply reply = smtp::to_reply(decision.error());
    if (decision.error().code == Errc::NotFound) reply.code = reply.status.cls == 4 ? 450 : 550;
    return reply;
  }
  if (!decision->is_local) {
    return {550, {5, 7, 1}, '<' + decision->address + ">: Relay access denied"};
  }
  for (const auto& end_point : decision->end_points) {
    if (end_point.kind == alias::Kind::Remote) continue;
    const auto verdict = services_.local.check(end_point, mail_.size.value_or(0));
    switch (verdict.answer) {
      case local::Answer::Ok:
        break;
      case local::Answer::Unknown:
        return {550, {5, 1, 1}, '<' + decision->address + ">: User unknown"};
      case local::Answer::Full:
        return {452, verdict.status.cls == 4 ? verdict.status : EnhancedStatus{4, 2, 2},
                '<' + decision->address + ">: Mailbox full"};
      case local::Answer::Failed:
        return {550, {5, 2, 0}, '<' + decision->address + ">: Mailbox cannot take mail"};
      default:
        if (verdict.status == EnhancedStatus{4, 3, 1}) {
          return {452, {4, 3, 1}, '<' + decision->address + ">: Insufficient system storage"};
        }
        return {
            451, {4, 3, 0}, '<' + decision->address + ">: Mailbox unavailable, try again later"};
    }
  }
  recipients_.push_back({decision->address, std::move(decision->end_points)});
  state_ = smtp::HasRecipient;
  return {250, {2, 1, 5}, "Ok"};
}

Reply Session::start_message() {
  // RFC 2033 section 4.2: DATA without a valid recipient is 503.
  if (recipients_.empty()) return {503, {5, 5, 1}, "Error: no valid recipients"};
  auto draft = services_.queue.create();
  if (!draft) return write_error(draft.error());
  draft_ = *std::move(draft);
  message::Received received;
  received.helo = helo_;
  received.client_address = client_;
  received.by = settings_.myhostname;
  received.with = "LMTP";  // RFC 3848
  received.id = draft_->id().value;
  if (recipients_.size() == 1) {
    if (const auto one = address::parse_recipient_argument(recipients_.front().address))
      received.recipient = *one;
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(services_.clock.now());
  received.date = message::to_local(now);
  received.zone_name = message::zone_name(now);
  if (const auto written = draft_->write(message::make_received(received)); !written) {
    return write_error(written.error());
  }
  in_data_ = true;
  return {354, {"End data with <CR><LF>.<CR><LF>"}};
}

void Session::receive_data(std::string_view octets) {
  std::string text;
  const std::size_t taken = decoder_.feed(octets, text);
  if (!refusal_) {
    if (settings_.message_size_limit != 0 &&
        draft_->size() + text.size() > settings_.message_size_limit + 1024) {
      refusal_ = Reply{552, {5, 3, 4}, "Error: message file too big"};
    } else if (const auto written = draft_->write(text); !written) {
      refusal_ = write_error(written.error());
    }
  }
  if (!decoder_.is_complete()) return;
  if (taken < octets.size()) framer_.feed(octets.substr(taken));
  finish_data();
}

void Session::finish_data() {
  if (decoder_.saw_bare_line_end() && !refusal_) {
    refusal_ = Reply{554, {5, 6, 0}, "Error: bare <LF> or <CR> received"};
  }
  const auto replies = refusal_ ? std::vector<Reply>(recipients_.size(), *refusal_) : deliver_all();
  for (const auto& reply : replies) say(reply);
  reset();
}

std::vector<Reply> Session::deliver_all() {
  const auto message = draft_->message();
  if (!message) return std::vector<Reply>(recipients_.size(), write_error(message.error()));
  std::vector<std::optional<Reply>> replies;
  queue::Envelope envelope;
  for (std::size_t i = 0; i < recipients_.size(); ++i) {
    std::vector<alias::EndPoint> to_queue;
    replies.push_back(deliver_one(recipients_.at(i), i, *message, to_queue));
    for (const auto& end_point : to_queue) {
      envelope.recipients.push_back(queue::recipient_for(recipients_.at(i).address, end_point));
    }
  }
  Reply for_queued{250, kOk, "Ok: queued"};
  if (!envelope.recipients.empty()) {
    envelope.reverse_path = address::to_plain_string(mail_.reverse_path);
    envelope.arrived = services_.clock.now();
    envelope.size = draft_->size();
    envelope.smtputf8 = mail_.smtputf8;
    envelope.body_8bit = mail_.body_8bit;
    envelope.client = client_.empty() ? "localhost" : "unknown[" + client_ + ']';
    // All of them durable first, then their 250 (DESIGN.md section 4.3); the runner delivers.
    if (const auto committed = draft_->commit(std::move(envelope)); committed) {
      for_queued = {250, kOk, "Ok: queued as " + committed->value};
      services_.queue.notify();
    } else {
      for_queued = write_error(committed.error());
    }
  }
  std::vector<Reply> all;
  all.reserve(replies.size());
  for (const auto& reply : replies) all.push_back(reply.value_or(for_queued));
  return all;
}

std::optional<Reply> Session::deliver_one(const Recipient& recipient, std::size_t index,
                                          const FileDescriptor& message,
                                          std::vector<alias::EndPoint>& to_queue) {
  if (recipient.end_points.size() != 1 ||
      recipient.end_points.front().kind == alias::Kind::Remote) {
    to_queue = recipient.end_points;
    return std::nullopt;
  }
  local::Delivery delivery;
  delivery.delivery_id =
      queue::delivery_id(draft_->id(), index) + "L";  // not a queue's: never asked for again
  delivery.queue_id = draft_->id().value;
  delivery.end_point = recipient.end_points.front();
  delivery.reverse_path = delivery.end_point.owner.empty()
                              ? address::to_plain_string(mail_.reverse_path)
                              : delivery.end_point.owner;
  delivery.arrived_microseconds =
      static_cast<std::uint64_t>(services_.clock.now().time_since_epoch().count());
  const auto verdict = services_.local.deliver(delivery, message, services_.client_is_there);
  switch (verdict.answer) {
    case local::Answer::Ok:
      return Reply{250, kOk, '<' + recipient.address + "> delivered as " + draft_->id().value};
    case local::Answer::Forwarded:  // a .forward of one address: the queue serves it anew
    case local::Answer::Later:
    case local::Answer::NotCommitted:
      to_queue = recipient.end_points;
      return std::nullopt;
    case local::Answer::Unresolved:
      return Reply{
          451, {4, 3, 0}, '<' + recipient.address + "> outcome not known, try again later"};
    case local::Answer::Full:
      return Reply{452, verdict.status.cls == 4 ? verdict.status : EnhancedStatus{4, 2, 2},
                   '<' + recipient.address + "> mailbox full"};
    case local::Answer::Unwritable:
      return Reply{
          451, {4, 2, 0}, '<' + recipient.address + "> mailbox unavailable, try again later"};
    case local::Answer::Unknown:
      return Reply{550, {5, 1, 1}, '<' + recipient.address + "> user unknown"};
    case local::Answer::Failed:
      return Reply{554, verdict.status.cls == 5 ? verdict.status : EnhancedStatus{5, 0, 0},
                   '<' + recipient.address + "> " +
                       (verdict.text.empty() ? "delivery failed" : verdict.text)};
  }
  return Reply{451, {4, 3, 0}, "Error: internal error"};
}

}  // namespace mail::lmtp
