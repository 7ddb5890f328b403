#include "libmail/local/socket_conversation.h"

#include <algorithm>
#include <thread>

#include "libmail/alias/expansion.h"
#include "libmail/base/log.h"
#include "libmail/local/packet.h"

namespace mail::local {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kStillWantedEvery{500};

Verdict no_answer(Answer answer, std::string_view why) {
  log::warning("local delivery: no answer: " + std::string(why));
  return {answer, {4, 3, 0}, "Local delivery is temporarily not available", {}, false};
}

Verdict refuse(const Error& error) {
  return {error.is_permanent() ? Answer::Failed : Answer::Later,
          error.status,
          error.public_text,
          {},
          false};
}

}  // namespace

Result<SocketConversation::Line> SocketConversation::take_line(const alias::EndPoint& end_point) {
  const auto known = std::find_if(lines_.begin(), lines_.end(),
                                  [&](const Line& line) { return line.end_point == end_point; });
  if (known != lines_.end()) {
    Line line = std::move(*known);
    lines_.erase(known);
    return line;
  }
  Line line;
  line.end_point = end_point;
  line.socket = TRY(connect_());
  return line;
}

void SocketConversation::keep(Line line) {
  line.fresh = false;
  lines_.push_front(std::move(line));
  while (lines_.size() > limits_.kept) lines_.pop_back();
}

// Records up to an Outcome or Committing; ForwardTo ones are gathered. Committing shows as
// Answer::NotCommitted.
Result<Verdict> SocketConversation::receive_verdict(Line& line, MonotonicTime deadline) {
  for (;;) {
    const Packet packet = TRY(receive_packet(line.socket, deadline));
    const Record record = TRY(parse_record(packet.octets));
    switch (record.type) {
      case RecordType::ForwardTo: {
        if (forwards_.size() >= alias::kMaxExpansionEndPoints) {
          return fail(Errc::TooMany, "Too many forwarding addresses");
        }
        // Always Remote: what a user's file says is an address like any other, expanded anew by
        // whoever queues it. It cannot name a file, a command or somebody to run it as.
        alias::EndPoint to;
        to.kind = alias::Kind::Remote;
        to.target = record.target;
        to.original_to = line.end_point.original_to;
        to.owner = line.end_point.owner;
        forwards_.push_back(std::move(to));
        break;
      }
      case RecordType::Committing:
        return Verdict{Answer::NotCommitted, {}, {}, {}, false};
      case RecordType::Outcome:
        return Verdict{record.answer, record.status, record.text, std::move(forwards_),
                       record.kept_copy};
      default:
        return fail(Errc::Syntax, "Bad delivery record", "delivery record: a request as answer");
    }
  }
}

Result<Verdict> SocketConversation::ask_check(Line& line, const std::string& request) {
  forwards_.clear();
  TRY(send_packet(line.socket, request));
  Verdict verdict = TRY(receive_verdict(line, steady_clock::now() + limits_.check));
  if (verdict.answer == Answer::NotCommitted || verdict.answer == Answer::Forwarded) {
    return fail(Errc::Syntax, "Bad delivery record", "delivery record: not an answer to check");
  }
  return verdict;
}

Verdict SocketConversation::check(const alias::EndPoint& end_point, std::uint64_t size_octets) {
  Record record = request_for(RecordType::Check, end_point);
  record.size = size_octets;
  const auto request = encode_record(record);
  if (!request) return refuse(request.error());
  for (;;) {
    auto line = take_line(end_point);
    if (!line) return no_answer(Answer::Later, line.error().log_text);
    auto verdict = ask_check(*line, *request);
    if (verdict) {
      keep(std::move(*line));
      return *std::move(verdict);
    }
    if (line->fresh || verdict.error().code != Errc::Closed) {
      return no_answer(Answer::Later, verdict.error().log_text);
    }
  }
}

Result<Verdict> SocketConversation::receive_outcome(Line& line,
                                                    const std::function<bool()>& still_wanted) {
  // After `go`: no limit while the conversation stands.
  for (;;) {
    auto verdict = receive_verdict(line, steady_clock::now() + kStillWantedEvery);
    if (verdict || verdict.error().code != Errc::Timeout || !still_wanted()) return verdict;
  }
}

Result<Verdict> SocketConversation::ask_deliver(Line& line, const std::string& request, int message,
                                                unsigned& gos,
                                                const std::function<bool()>& still_wanted) {
  forwards_.clear();
  TRY(send_packet(line.socket, request, message));
  Verdict verdict = TRY(receive_verdict(line, steady_clock::now() + limits_.committing));
  if (verdict.answer != Answer::NotCommitted) return verdict;
  Record permission;
  permission.type = RecordType::Go;
  const std::string go = TRY(encode_record(permission));
  TRY(send_packet(line.socket, go));  // failing: the child is gone and has not stored
  ++gos;
  verdict = TRY(receive_outcome(line, still_wanted));
  if (verdict.answer == Answer::NotCommitted) {
    return fail(Errc::Syntax, "Bad delivery record", "delivery record: committing twice");
  }
  return verdict;
}

Verdict SocketConversation::deliver(const Delivery& delivery, const FileDescriptor& message,
                                    const std::function<bool()>& still_wanted) {
  Record record = request_for(RecordType::Deliver, delivery.end_point);
  record.delivery_id = delivery.delivery_id;
  record.queue_id = delivery.queue_id;
  record.reverse_path = delivery.reverse_path;
  record.from_queue = delivery.from_queue;
  record.arrived_microseconds = delivery.arrived_microseconds;
  const auto request = encode_record(record);
  if (!request) return refuse(request.error());

  unsigned gos = 0;  // once `go` was sent in some ask, nothing but an answer about it counts
  bool asking_again = false;
  for (unsigned ask = 0;;) {
    auto line = take_line(delivery.end_point);
    Error why;
    if (line) {
      auto verdict = ask_deliver(*line, *request, message.get(), gos, still_wanted);
      // "Later" of a second ask may mean that the first one's child still holds the lock.
      if (verdict && !(asking_again && verdict->answer != Answer::Ok &&
                       verdict->answer != Answer::Forwarded)) {
        keep(std::move(*line));
        return *std::move(verdict);
      }
      if (!verdict) why = std::move(verdict).error();
      if (why.code == Errc::TooMany) return {Answer::Failed, {5, 2, 4}, why.public_text, {}, false};
      if (gos == 0 && !line->fresh && why.code == Errc::Closed) continue;
    } else {
      why = std::move(line).error();
    }
    if (gos == 0) return no_answer(Answer::NotCommitted, why.log_text);
    asking_again = true;
    if (++ask >= limits_.asks || gos >= limits_.gos || !still_wanted())
      return no_answer(Answer::Unresolved, why.log_text);
    std::this_thread::sleep_for(limits_.ask_again);
  }
}

}  // namespace mail::local
