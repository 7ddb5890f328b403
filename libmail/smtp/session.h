// Session: one SMTP server conversation (RFC 5321), from greeting to close. Knows no descriptors
// (net::serve moves the octets) and no files: everything is an interface.
//
// What is promised (DESIGN.md section 4): one local end point is delivered inside the transaction
// and its outcome is the reply; anything else is durable in the queue before 250, and its local end
// points are attempted right after the reply. A message is received once; nothing is committed
// before every check has run.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/auth/sasl.h"
#include "libmail/base/clock.h"
#include "libmail/local/conversation.h"
#include "libmail/policy/recipient_policy.h"
#include "libmail/queue/queue.h"
#include "libmail/smtp/command.h"
#include "libmail/smtp/framer.h"
#include "libmail/smtp/reply.h"
#include "libmail/smtp/settings.h"

namespace mail::smtp {

struct ClientInfo {
  std::string address;  // empty: pipe or terminal
  std::string name;     // by reverse DNS; empty: unknown
  bool tls_offered = false;
  bool tls = false;
  std::string tls_description;
};

struct Services {
  policy::RecipientPolicy& policy;
  queue::Queue& queue;
  local::Conversation& local;
  auth::Authenticator* authenticator = nullptr;  // null: AUTH is not offered
  const Clock& clock;
  // Whether the client is still there; asked while a delivery waits.
  std::function<bool()> client_is_there = [] { return true; };
};

class Session {
 public:
  // What serve() is to do; same meaning as net::Want, which this library does not know.
  enum class Want : std::uint8_t { Input, Tls, Work, Close };

  Session(const Settings& settings, ClientInfo client, Services services);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();  // logs "disconnect from"

  std::string take_output();
  [[nodiscard]] Want want() const;
  [[nodiscard]] MonotonicTime deadline() const { return deadline_; }
  void receive(std::string_view octets);  // empty: the client is gone
  void work();                            // Want::Work: first attempts at what was just queued
  void tls_started(std::string description);
  void timed_out();
  void terminate();  // SIGTERM

 private:
  struct Recipient {
    std::string address;  // completed
    alias::EndPoint end_point;
  };
  struct Transaction {
    Mail mail;
    std::string reverse_path;           // without <>
    std::vector<std::string> accepted;  // addresses as accepted at RCPT
    std::vector<Recipient> recipients;  // end points
    std::unique_ptr<queue::Draft> draft;
    DataDecoder decoder;
    std::size_t header_octets = 0;  // of our Received field
    std::size_t received_fields = 0;
    bool in_header = true;
    std::string line;              // header line being looked at, cut
    std::optional<Reply> refusal;  // found while the data came; said after it
  };

  struct CommandCount {
    std::size_t taken = 0;
    std::size_t seen = 0;
  };

  void process();
  void process_line(std::string_view line);
  Reply execute(const Command& command);
  void say(const Reply& reply);
  void fail_command(const Reply& reply);
  void close_with(const Reply& reply);

  Reply on(const Helo& command);
  Reply on(const Mail& command);
  Reply on(const Rcpt& command);
  Reply on(const Data& command);
  Reply on(const Rset& command);
  Reply on(const Noop& command);
  Reply on(const Quit& command);
  Reply on(const Help& command);
  Reply on(const Vrfy& command);
  Reply on(const Expn& command);
  Reply on(const StartTls& command);
  Reply on(const Auth& command);

  Reply answer_sasl(auth::SaslStep step);
  std::optional<Reply> check_local(const Recipient& recipient, std::uint64_t size);
  void receive_data(std::string_view octets);
  void scan_header(std::string_view octets);
  void finish_data();
  Reply finish_message();
  Reply deliver_now();
  Reply queue_message(std::vector<Recipient> recipients, std::string_view prefix);
  Result<std::vector<Recipient>> expand_forward(const std::vector<alias::EndPoint>& targets);
  [[nodiscard]] std::string received_field(const queue::QueueId& id) const;
  [[nodiscard]] queue::Envelope make_envelope(const std::vector<Recipient>& recipients) const;
  [[nodiscard]] std::string client_text() const;  // "unknown[192.0.2.1]"
  void log_reject(std::string_view stage, const Reply& reply, std::string_view recipient);
  void reset_transaction();
  void refresh_deadline();
  void count_command(std::string_view name, bool is_taken);
  [[nodiscard]] std::string last_command() const;

  const Settings& settings_;
  ClientInfo client_;
  Services services_;
  LineFramer framer_;
  std::uint8_t state_ = Connected;
  std::string helo_;
  bool extended_ = false;
  std::string sasl_user_;
  std::optional<auth::SaslExchange> sasl_;
  Transaction transaction_;
  bool in_data_ = false;
  bool closing_ = false;
  bool starting_tls_ = false;
  std::vector<queue::QueueId> to_attempt_;
  std::vector<std::pair<alias::EndPoint, local::Verdict>>
      checked_;  // answers at RCPT, this session
  std::size_t errors_ = 0;
  std::vector<std::pair<std::string, CommandCount>> commands_;  // in order of their first use
  std::string last_command_;
  std::string output_;
  MonotonicTime deadline_{};
};

// Tries the local end points of a queued message once, marks what is done, and removes the message
// when nothing is pending. What is left is the runner's. Shared with nobody: smtp-send has its own
// schedule.
void attempt_local_now(queue::Queue& queue, const queue::QueueId& id, local::Conversation& local);

}  // namespace mail::smtp
