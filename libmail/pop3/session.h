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
#include "libmail/pop3/statistics.h"
#include "libmail/pop3/transfer.h"
#include "libmail/pop3/uidl.h"
#include "libmail/store/mailbox.h"

namespace mail::pop3 {

class Session {
 public:
  enum class Want : std::uint8_t { Input, Close };
  using Mode = pop3::Mode;
  // Takes the snapshot; the first output is "+OK Logged in." as the answer to the login.
  static Result<std::unique_ptr<Session>> open(const Settings& settings,
                                               std::unique_ptr<store::Mailbox> mailbox,
                                               const Clock& clock, Mode mode = Mode::Ascii);

  std::string take_output();
  [[nodiscard]] Want want() const;
  [[nodiscard]] MonotonicTime deadline() const { return deadline_; }
  void receive(std::string_view octets);
  void timed_out();
  void terminate();

  [[nodiscard]] const Statistics& statistics() const { return statistics_; }

 private:
  Session(const Settings& settings, UidlFormat format, std::unique_ptr<store::Mailbox> mailbox,
          const Clock& clock, Mode mode)
      : settings_(settings),
        format_(std::move(format)),
        mailbox_(std::move(mailbox)),
        clock_(clock),
        mode_(mode) {}
  struct Message {
    store::Uid uid;
    std::uint64_t size = 0;
    bool seen = false;       // as stored
    bool retrieved = false;  // in this session: \Seen at the end
    bool deleted = false;
  };
  // LIST or UIDL on its way: memory does not grow with the maildrop.
  struct Listing {
    bool is_uidl = false;
    std::size_t at = 0;
  };
  enum class Kind : std::uint8_t { Retr, Top };
  struct Verb;
  static const Verb kVerbs[];

  Result<void> open_maildrop();
  Result<void> load();  // messages_, when a command needs more than their number
  std::string make_output();
  void process();
  void process_line(std::string_view line);
  void fill_transfer();
  std::uint64_t& octets_of(Kind kind);
  Result<void> fill_once();
  void fill_listing();
  Result<Message*> find(std::string_view argument);
  [[nodiscard]] std::size_t number_of(const Message& message) const {
    return static_cast<std::size_t>(&message - messages_.data()) + 1;
  }
  bool start_transfer(const Message& message, Kind kind, std::optional<std::uint64_t> lines);
  void finish(bool delete_too);
  Result<void> update(bool delete_too);
  void say_failure(const Error& failure);

  void on_stat(std::string_view argument);
  void on_list(std::string_view argument);
  void on_uidl(std::string_view argument);
  void on_retr(std::string_view argument);
  void on_top(std::string_view argument);
  void on_dele(std::string_view argument);
  void on_noop(std::string_view argument);
  void on_rset(std::string_view argument);
  void on_last(std::string_view argument);
  void on_capa(std::string_view argument);
  void on_utf8(std::string_view argument);
  void on_quit(std::string_view argument);

  // session_uidl.cc
  Result<void> make_uidls();  // all, when the first is asked for
  Result<std::string> make_uidl(const Message& message, const store::FormerIds& former,
                                bool& is_generated);
  void note_uidl_change();

  const Settings& settings_;
  UidlFormat format_;
  std::unique_ptr<store::Mailbox> mailbox_;
  const Clock& clock_;
  Mode mode_;
  store::MailboxStatus opened_;  // as it was at login, which is what the session sees
  bool is_loaded_ = false;       // messages_ is
  std::vector<Message> messages_;
  std::size_t left_ = 0;           // messages not marked as deleted
  std::uint64_t left_octets_ = 0;  // their sizes
  std::vector<std::string> uidls_;
  std::size_t last_ = 0;         // highest message accessed (LAST, RFC 1460)
  std::size_t last_before_ = 0;  // likewise, at login
  std::size_t lowest_retrieved_ = 0;
  LineFramer framer_;
  std::shared_ptr<void> hold_;  // one lock for what fits into one output
  std::optional<Transfer> transfer_;
  Kind transfer_kind_ = Kind::Retr;
  std::optional<Listing> listing_;
  std::string output_;
  bool closing_ = false;
  MonotonicTime deadline_{};
  Statistics statistics_;
};

}  // namespace mail::pop3
