// Session: POP3 after login (RFC 1939's TRANSACTION and UPDATE states) over a store::Mailbox. The
// maildrop is the mailbox as it was at login; deletions happen at QUIT and at nothing else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/base/result.h"
#include "libmail/pop3/command.h"
#include "libmail/pop3/framer.h"
#include "libmail/pop3/settings.h"
#include "libmail/store/mailbox.h"

namespace mail::pop3 {

// A unique-id by Dovecot's pop3_uidl_format: %u uid, %v uidvalidity, with width and X for
// hexadecimal
// ("%08Xu%08Xv").
std::string format_uidl(std::string_view format, store::Uid uid, store::UidValidity validity);

class Session {
 public:
  enum class Want : std::uint8_t { Input, Close };
  // Takes the snapshot. `greets`: says "+OK Logged in." as the answer to the login.
  static Result<std::unique_ptr<Session>> open(const Settings& settings,
                                               std::unique_ptr<store::Mailbox> mailbox,
                                               const Clock& clock);

  std::string take_output();
  [[nodiscard]] Want want() const;
  [[nodiscard]] MonotonicTime deadline() const { return deadline_; }
  void receive(std::string_view octets);
  void timed_out();
  void terminate();

  struct Statistics {  // for the log line at the end
    std::size_t top = 0, retrieved = 0, deleted = 0, messages = 0;
    std::uint64_t octets = 0;  // of the maildrop
  };
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }

 private:
  Session(const Settings& settings, std::unique_ptr<store::Mailbox> mailbox, const Clock& clock)
      : settings_(settings), mailbox_(std::move(mailbox)), clock_(clock) {}
  struct Message {
    store::Uid uid;
    std::uint64_t size = 0;
    bool seen = false;       // as stored
    bool retrieved = false;  // in this session: \Seen at the end
    bool deleted = false;
  };
  // A message being sent: read and dot-stuffed a buffer at a time.
  struct Transfer {
    std::unique_ptr<store::MessageReader> reader;
    std::uint64_t at = 0;
    bool at_line_start = true;
    bool last_was_cr = false;
    std::uint64_t body_lines_left = 0;  // TOP; kAllLines for RETR
    bool in_header = true;
    bool header_line_empty = true;
    bool done = false;
  };

  void process();
  void process_line(std::string_view line);
  void fill_transfer();
  void append_stuffed(std::string_view octets);
  Result<Message*> find(std::string_view argument);
  void start_transfer(const Message& message, std::optional<std::uint64_t> lines);
  void finish(bool delete_too);
  void say_list(std::string_view argument);
  void say_uidl(std::string_view argument);
  void say_failure(const Error& failure);

  const Settings& settings_;
  std::unique_ptr<store::Mailbox> mailbox_;
  const Clock& clock_;
  store::UidValidity validity_;
  std::vector<Message> messages_;
  std::size_t last_ = 0;  // highest message accessed (LAST, RFC 1460)
  LineFramer framer_;
  std::optional<Transfer> transfer_;
  std::vector<char> buffer_;
  std::string output_;
  bool closing_ = false;
  MonotonicTime deadline_{};
  Statistics statistics_;
};

}  // namespace mail::pop3
