// Session: LMTP (RFC 2033), what it changes of SMTP: LHLO, and after the dot one reply for each
// recipient that RCPT accepted, in their order. Other mail systems hand local mail over by it.
//
// A recipient with one local end point is delivered at once and its outcome is its reply; one whose
// alias or .forward leads elsewhere is durable in the queue before its 250. Nothing is relayed: a
// recipient that is not ours is refused.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/local/conversation.h"
#include "libmail/policy/recipient_policy.h"
#include "libmail/queue/queue.h"
#include "libmail/smtp/command.h"
#include "libmail/smtp/framer.h"
#include "libmail/smtp/reply.h"
#include "libmail/smtp/settings.h"

namespace mail::lmtp {

struct Services {
  policy::RecipientPolicy& policy;
  queue::Queue& queue;
  local::Conversation& local;
  const Clock& clock;
  std::function<bool()> client_is_there = [] { return true; };
};

class Session {
 public:
  enum class Want : std::uint8_t { Input, Close };
  Session(const smtp::Settings& settings, std::string client, Services services);

  std::string take_output() { return std::exchange(output_, {}); }
  [[nodiscard]] Want want() const { return closing_ ? Want::Close : Want::Input; }
  [[nodiscard]] MonotonicTime deadline() const { return deadline_; }
  void receive(std::string_view octets);
  void timed_out();
  void terminate();

 private:
  struct Recipient {
    std::string address;
    std::vector<alias::EndPoint> end_points;
  };

  void process();
  smtp::Reply execute(const smtp::Command& command);
  smtp::Reply start_message();
  smtp::Reply accept(const smtp::Rcpt& command);
  void receive_data(std::string_view octets);
  void finish_data();
  // Replies for all recipients.
  std::vector<smtp::Reply> deliver_all();
  // Nothing: this one goes through the queue.
  std::optional<smtp::Reply> deliver_one(const Recipient& recipient, std::size_t index,
                                         const FileDescriptor& message,
                                         std::vector<alias::EndPoint>& to_queue);
  void reset();
  void say(const smtp::Reply& reply) { output_ += smtp::to_wire(reply, mail_.smtputf8); }
  void close_with(const smtp::Reply& reply);

  const smtp::Settings& settings_;
  std::string client_;  // for the log and the Received field
  Services services_;
  smtp::LineFramer framer_;
  std::uint8_t state_ = smtp::Connected;
  std::string helo_;
  smtp::Mail mail_;
  std::vector<Recipient> recipients_;
  std::unique_ptr<queue::Draft> draft_;
  smtp::DataDecoder decoder_;
  std::optional<smtp::Reply> refusal_;
  bool in_data_ = false;
  bool closing_ = false;
  std::size_t errors_ = 0;
  std::string output_;
  MonotonicTime deadline_{};
};

}  // namespace mail::lmtp
