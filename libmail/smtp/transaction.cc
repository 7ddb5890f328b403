// What a Session does with a message: receiving it, and storing or queueing it (DESIGN.md section
// 4).
#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/message/date.h"
#include "libmail/message/trace.h"
#include "libmail/queue/end_points.h"
#include "libmail/smtp/session.h"

namespace mail::smtp {
namespace {

constexpr std::size_t kCopyChunk = 64U << 10U;
constexpr std::chrono::minutes kFinalReplyTimeout{10};  // RFC 5321 section 4.5.3.2.6
constexpr std::size_t kScannedLine = 16;  // octets of a header line: enough for "Received:"

Reply queue_write_error(const Error& error) {
  log::error(error.log_text);
  if (error.code == Errc::NoSpace || error.code == Errc::OverQuota) {
    return {452, {4, 3, 1}, "Insufficient system storage"};
  }
  return {451, {4, 3, 0}, "Error: queue file write error"};
}

}  // namespace

std::string Session::client_text() const {
  if (client_.address.empty()) return "localhost";
  return (client_.name.empty() ? "unknown" : client_.name) + '[' + client_.address + ']';
}

void Session::log_reject(std::string_view stage, const Reply& reply, std::string_view recipient) {
  std::string line = "NOQUEUE: reject: " + std::string(stage) + " from " + client_text() + ": " +
                     std::to_string(reply.code) + ' ' + to_string(reply.status) + ' ' +
                     log::escape(reply.lines.front());
  line += "; from=<" + log::escape(transaction_.reverse_path) + '>';
  if (!recipient.empty()) line += " to=<" + log::escape(recipient) + '>';
  line += std::string(" proto=") + (extended_ ? "ESMTP" : "SMTP") + " helo=<" + log::escape(helo_) +
          '>';
  log::info(line);
}

void Session::reset_transaction() {
  transaction_ = Transaction{};
  in_data_ = false;
}

std::string Session::received_field(const queue::QueueId& id) const {
  message::Received received;
  received.helo = helo_;
  received.client_name = client_.name;
  received.client_address = client_.address;
  if (client_.tls) received.comments.push_back("using " + client_.tls_description);
  received.by = settings_.myhostname;
  // RFC 3848, RFC 6531 section 4.3: S for TLS, A for authenticated.
  received.with = transaction_.mail.smtputf8 ? "UTF8SMTP" : (extended_ ? "ESMTP" : "SMTP");
  if (extended_ && client_.tls) received.with += 'S';
  if (extended_ && !sasl_user_.empty()) received.with += 'A';
  received.id = id.value;
  if (transaction_.accepted.size() == 1) {
    if (const auto one = address::parse_recipient_argument(transaction_.accepted.front())) {
      received.recipient = *one;
    }
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(services_.clock.now());
  received.date = message::to_local(now);
  received.zone_name = message::zone_name(now);
  return message::make_received(received);
}

queue::Envelope Session::make_envelope(const std::vector<Recipient>& recipients) const {
  queue::Envelope envelope;
  envelope.id = transaction_.draft->id();
  envelope.reverse_path = transaction_.reverse_path;
  envelope.arrived = services_.clock.now();
  envelope.size = transaction_.draft->size();
  envelope.smtputf8 = transaction_.mail.smtputf8;
  envelope.body_8bit = transaction_.mail.body_8bit;
  envelope.client = client_text();
  envelope.sasl_user = sasl_user_;
  for (const auto& from : recipients) {
    envelope.recipients.push_back(queue::recipient_for(from.address, from.end_point));
  }
  return envelope;
}

void Session::receive_data(std::string_view octets) {
  std::string text;
  const std::size_t taken = transaction_.decoder.feed(octets, text);
  if (!transaction_.refusal) {
    if (transaction_.in_header) scan_header(text);
    const auto limit = settings_.message_size_limit;
    if (limit != 0 &&
        transaction_.draft->size() + text.size() > limit + transaction_.header_octets) {
      transaction_.refusal = Reply{552, {5, 3, 4}, "Error: message file too big"};
    } else if (const auto written = transaction_.draft->write(text); !written) {
      transaction_.refusal = queue_write_error(written.error());
    }
  }
  if (!transaction_.decoder.is_complete()) return;
  if (taken < octets.size()) framer_.feed(octets.substr(taken));
  finish_data();
}

// Counts Received fields as they pass; a mail loop has too many (RFC 5321 section 6.3).
void Session::scan_header(std::string_view octets) {
  for (const char c : octets) {
    if (c != '\n') {
      if (transaction_.line.size() < kScannedLine) transaction_.line += c;
      continue;
    }
    if (transaction_.line.empty()) {
      transaction_.in_header = false;
      break;
    }
    if (ascii::istarts_with(transaction_.line, "received:")) ++transaction_.received_fields;
    transaction_.line.clear();
  }
  if (transaction_.received_fields > settings_.hop_count_limit) {
    transaction_.refusal = Reply{554, {5, 4, 6}, "Error: too many hops"};
  }
}

void Session::finish_data() {
  in_data_ = false;
  if (transaction_.decoder.saw_bare_line_end() && !transaction_.refusal) {
    // Two servers that disagree where a line ends disagree where a message ends.
    transaction_.refusal = Reply{521, {5, 5, 2}, "Error: bare <LF> or <CR> received"};
  }
  const Reply reply = transaction_.refusal ? *transaction_.refusal : finish_message();
  if (reply.code >= 400) log_reject("END-OF-MESSAGE", reply, "");
  reset_transaction();
  state_ = Greeted;
  if (reply.code == 521) {
    close_with(reply);
  } else if (reply.code >= 400) {
    fail_command(reply);
  } else {
    say(reply);
  }
}

Reply Session::finish_message() {
  const bool one_local = transaction_.recipients.size() == 1 &&
                         transaction_.recipients.front().end_point.kind != alias::Kind::Remote;
  log::info(transaction_.draft->id().value + ": from=<" + log::escape(transaction_.reverse_path) +
            ">, size=" + std::to_string(transaction_.draft->size()) +
            ", nrcpt=" + std::to_string(transaction_.recipients.size()));
  if (one_local) return deliver_now();
  return queue_message(transaction_.recipients, {});
}

Reply Session::deliver_now() {
  const Recipient& recipient = transaction_.recipients.front();
  const auto message = transaction_.draft->message();
  if (!message) return queue_write_error(message.error());
  local::Delivery delivery;
  delivery.delivery_id = queue::delivery_id(transaction_.draft->id(), 0);
  delivery.queue_id = transaction_.draft->id().value;
  delivery.reverse_path =
      recipient.end_point.owner.empty() ? transaction_.reverse_path : recipient.end_point.owner;
  delivery.end_point = recipient.end_point;
  delivery.arrived_microseconds =
      static_cast<std::uint64_t>(services_.clock.now().time_since_epoch().count());
  // No client waits longer than this for the reply to its dot.
  const MonotonicTime patience = services_.clock.monotonic() + kFinalReplyTimeout;
  const local::Verdict verdict = services_.local.deliver(delivery, *message, [&] {
    return services_.clock.monotonic() < patience && services_.client_is_there();
  });
  const std::string id = transaction_.draft->id().value;
  // deliver has logged the outcome (status=...).
  switch (verdict.answer) {
    case local::Answer::Ok:
      log::info(id + ": removed");
      return {250, {2, 0, 0}, "Ok: delivered as " + id};
    case local::Answer::Forwarded: {
      // Some of a list failed for good: the queue's runner tells the sender, and finds done what
      // is.
      if (verdict.status.cls == 5) return queue_message(transaction_.recipients, {});
      auto targets = expand_forward(verdict.forward_to);
      if (!targets) return queue_message(transaction_.recipients, {});
      // The next hop must see that it has been here (loop detection, conversation.h).
      const auto original = address::parse_recipient_argument(recipient.end_point.original_to);
      if (targets->empty()) return {250, {2, 0, 0}, "Ok: delivered as " + id};
      return queue_message(*std::move(targets),
                           original ? message::make_delivered_to(*original) : std::string());
    }
    case local::Answer::Later:
    case local::Answer::NotCommitted:
      return queue_message(transaction_.recipients, {});
    case local::Answer::Unresolved:
      // The child may have stored it: queueing would double it (delivery-changes.md: never-queue).
      return {451, {4, 3, 0}, "Error: delivery outcome not known, try again later"};
    case local::Answer::Full:
      return {452, verdict.status.cls == 4 ? verdict.status : EnhancedStatus{4, 2, 2},
              "Mailbox full"};
    case local::Answer::Unwritable:
      return {451, {4, 2, 0}, "Mailbox unavailable, try again later"};
    case local::Answer::Unknown:
      return {550, {5, 1, 1}, "User unknown"};
    case local::Answer::Failed:
      return {554, verdict.status.cls == 5 ? verdict.status : EnhancedStatus{5, 0, 0},
              verdict.text.empty() ? "Delivery failed" : verdict.text};
  }
  return {451, {4, 3, 0}, "Error: internal error"};
}

Result<std::vector<Session::Recipient>> Session::expand_forward(
    const std::vector<alias::EndPoint>& targets) {
  // A forward may lead anywhere its owner likes: decided as for a local user.
  std::vector<Recipient> recipients;
  for (const auto& target : targets) {
    const auto addr_spec = address::parse_recipient_argument(target.target);
    Trace trace;
    auto decision = addr_spec ? services_.policy.decide({}, {*addr_spec}, trace)
                              : Result<policy::Decision>(fail(addr_spec.error()));
    if (!decision && decision.error().is_permanent()) {
      // Not known here: the queue's runner makes the bounce.
      alias::EndPoint unknown = target;
      unknown.kind = alias::Kind::User;
      recipients.push_back({target.target, std::move(unknown)});
      continue;
    }
    if (!decision) return fail(std::move(decision).error());
    for (auto& end_point : decision->end_points) {
      recipients.push_back({decision->address, std::move(end_point)});
    }
  }
  return recipients;
}

// Durable first, then 250 (DESIGN.md section 4.3).
Reply Session::queue_message(std::vector<Recipient> recipients, std::string_view prefix) {
  if (!prefix.empty()) {
    auto copy = services_.queue.create();
    if (!copy) return queue_write_error(copy.error());
    const auto copied = [&]() -> Result<void> {
      TRY((*copy)->write(prefix));
      const auto message = TRY(transaction_.draft->message());
      for (std::uint64_t at = 0;;) {
        const std::string chunk = TRY(sys::pread_all(message, at, kCopyChunk));
        if (chunk.empty()) return {};
        TRY((*copy)->write(chunk));
        at += chunk.size();
      }
    }();
    if (!copied) return queue_write_error(copied.error());
    transaction_.draft = *std::move(copy);
  }
  const auto committed = transaction_.draft->commit(make_envelope(recipients));
  if (!committed) return queue_write_error(committed.error());
  const bool any_remote =
      std::any_of(recipients.begin(), recipients.end(),
                  [](const Recipient& one) { return one.end_point.kind == alias::Kind::Remote; });
  const bool any_local =
      std::any_of(recipients.begin(), recipients.end(),
                  [](const Recipient& one) { return one.end_point.kind != alias::Kind::Remote; });
  if (any_remote) services_.queue.notify();
  if (any_local) to_attempt_.push_back(*committed);
  return {250, {2, 0, 0}, "Ok: queued as " + committed->value};
}

void Session::work() {
  for (const auto& id : std::exchange(to_attempt_, {})) {
    attempt_local_now(services_.queue, id, services_.local);
  }
  process();  // commands that came meanwhile
}

void attempt_local_now(queue::Queue& queue, const queue::QueueId& id, local::Conversation& local) {
  const auto item = queue.lock(id);
  if (!item) return;  // the runner has it already
  const auto message = (*item)->message();
  if (!message) {
    log::error(message.error().log_text);
    return;
  }
  std::vector<queue::Item::Mark> marks;
  bool pending = false;
  const auto& recipients = (*item)->envelope().recipients;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    const auto& recipient = recipients.at(i);
    if (recipient.state != queue::RecipientState::Pending) continue;
    auto end_point = queue::end_point_of(recipient);
    if (!end_point || end_point->kind == alias::Kind::Remote) {
      pending = true;
      continue;
    }
    local::Delivery delivery;
    delivery.delivery_id = queue::delivery_id(id, i);
    delivery.queue_id = id.value;
    delivery.reverse_path =
        recipient.owner.empty() ? (*item)->envelope().reverse_path : recipient.owner;
    delivery.end_point = *std::move(end_point);
    delivery.from_queue = true;
    delivery.arrived_microseconds =
        static_cast<std::uint64_t>((*item)->envelope().arrived.time_since_epoch().count());
    const auto verdict = local.deliver(delivery, *message, [] { return true; });
    if (verdict.answer != local::Answer::Ok) {
      pending = true;  // forwards, failures and waiting are the runner's business
      continue;
    }
    marks.push_back({i, queue::RecipientState::Done, {2, 0, 0}, "delivered to mailbox"});
  }
  if (const auto marked = (*item)->mark(marks); !marked) {
    log::error(marked.error().log_text);
    pending = true;
  }
  if (!pending) {
    if (const auto removed = (*item)->remove(); !removed) log::error(removed.error().log_text);
    log::info(id.value + ": removed");
    return;
  }
  queue.notify();
}

}  // namespace mail::smtp
