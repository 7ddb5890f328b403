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
#include "libmail/relay/settings.h"

namespace mail::relay {

struct RemoteReply {  // RFC 5321 section 4.2
  int code = 0;
  EnhancedStatus status;  // from the text, or made from the code
  std::string text;       // all lines joined by spaces, controls as '?'
  [[nodiscard]] bool is_positive() const { return code >= 200 && code < 400; }
  [[nodiscard]] std::string to_string() const { return std::to_string(code) + ' ' + text; }
};

enum class Outcome : std::uint8_t {
  Sent,
  Deferred,  // try again
  Failed,    // never
  Unknown,   // the connection broke between the last dot and its reply (RFC 1047): try again later
};

struct RecipientResult {
  Outcome outcome = Outcome::Deferred;
  EnhancedStatus status{4, 0, 0};
  std::string text;  // "250 2.0.0 Ok: queued", or why not
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
  // later (class 4), or it says it takes no mail at all (class 5: 521, 554).
  Result<void> greet();
  // One result per recipient. After a broken connection is_open() is false.
  std::vector<RecipientResult> send(const Message& message);
  void quit();
  [[nodiscard]] bool is_open() const { return open_; }

 private:
  Result<RemoteReply> read_reply(std::chrono::milliseconds timeout);
  Result<void> write_line(std::string_view line);
  Result<void> write_data(const Message& message);
  void take_keywords(const std::string& text);

  net::Transport& io_;
  const Settings& settings_;
  const Clock& clock_;
  std::string input_;
  std::vector<std::string> lines_of_reply_;
  bool open_ = true;
  bool esmtp_ = false;
  bool pipelining_ = false;
  bool eight_bit_ = false;
  bool utf8_ = false;
  std::optional<std::uint64_t> size_limit_;
};

}  // namespace mail::relay
