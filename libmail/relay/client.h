// Client: one SMTP connection outwards (RFC 5321), for any number of messages. Works over a
// net::Transport, so that tests play the server in memory.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/base/result.h"
#include "libmail/net/transport.h"
#include "libmail/relay/remote_reply.h"
#include "libmail/relay/settings.h"

namespace mail::relay {

enum class Outcome : std::uint8_t {
  Sent,
  Deferred,  // try again
  Failed,    // never
  Unknown,   // the connection broke between the last dot and its reply (RFC 1047): try again later
};

struct RecipientResult {
  Outcome outcome = Outcome::Deferred;
  EnhancedStatus status{4, 0, 0};
  std::string text;   // "250 2.0.0 Ok: queued", or why not
  std::string reply;  // the server's own words, where it was the server that said so
};

struct Message {
  std::string reverse_path;  // without <>
  std::vector<std::string> recipients;
  std::uint64_t size = 0;
  bool smtputf8 = false;
  bool body_8bit = false;
  // Octets at `offset`, LF line ends; empty at the end.
  std::function<Result<std::string>(std::uint64_t offset)> read;
};

class Client {
 public:
  Client(net::Transport& io, const Settings& settings, const Clock& clock)
      : io_(io), settings_(settings), clock_(clock) {}

  // Greeting, EHLO, HELO if that is refused. An Error is about this server now: try another host or
  // later (class 4), or it says it takes no mail at all (class 5: 521, 556).
  Result<void> greet();
  // One result per recipient. After a broken connection is_open() is false.
  std::vector<RecipientResult> send(const Message& message);
  void quit();
  [[nodiscard]] bool is_open() const { return open_; }

 private:
  class Tally;
  Result<RemoteReply> read_reply(std::chrono::milliseconds timeout, std::string_view when);
  Result<void> write(std::string_view octets, std::string_view when);
  Result<RemoteReply> ask(std::string_view command, std::chrono::milliseconds timeout);
  Result<void> write_data(const Message& message);
  void take_keywords(const std::string& text);
  [[nodiscard]] std::optional<RecipientResult> refuse_unsent(const Message& message) const;
  [[nodiscard]] std::string format_mail(const Message& message) const;
  Result<void> transact(const Message& message, Tally& tally);
  Result<void> send_envelope(const Message& message, Tally& tally);

  net::Transport& io_;
  const Settings& settings_;
  const Clock& clock_;
  ReplyParser replies_;
  bool open_ = true;
  bool in_transaction_ = false;  // the server took MAIL and has seen neither its end nor RSET
  bool pipelining_ = false;
  bool eight_bit_ = false;
  bool utf8_ = false;
  std::optional<std::uint64_t> size_limit_;
};

}  // namespace mail::relay
