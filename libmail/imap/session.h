// Session: IMAP4rev1 (RFC 3501) after login, over a store::MailStore. Driven by serve(); knows
// no descriptors. What comes before login is LoginSession.
//
// Input is framed and answered inside take_output(), so that no command is begun while more than
// 64 KiB of output wait for the client.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/imap/command.h"
#include "libmail/imap/fetch.h"
#include "libmail/imap/framer.h"
#include "libmail/imap/parser.h"
#include "libmail/imap/selected.h"
#include "libmail/imap/spool.h"
#include "libmail/imap/want.h"
#include "libmail/store/mail_store.h"

namespace mail::imap {

struct SessionSettings {
  std::uint64_t max_append_octets = std::uint64_t{2} << 30U;  // ours; the store may have less room
  std::string spool_directory = "/tmp";                       // for messages on their way in
  std::chrono::seconds autologout{30 * 60};  // RFC 3501 section 5.4: not less than 30 minutes
  std::chrono::seconds idle_notify{2 * 60};  // imap_idle_notify_interval: "* OK Still here"
  std::chrono::seconds idle_poll{1};         // where the store has no event descriptor
  std::chrono::seconds idle_look{30};        // where it has one: it is a hint, not the truth
  std::string prefix;    // of the mailboxes' names: "INBOX."; NAMESPACE tells it
  char separator = '/';  // between levels of the store's names
  // special_use (RFC 6154): mailbox name and attribute, "Sent" and "\Sent".
  std::vector<std::pair<std::string, std::string>> special_use;
};

// The capabilities before login and after it (RFC 3501 section 6.1.1).
std::string_view capabilities_after_login();

class Session {
 public:
  // `tag` is that of LOGIN or AUTHENTICATE, which is answered here; `unread` came with it.
  Session(store::MailStore& store, const Clock& clock, SessionSettings settings,
          std::string_view tag, std::string_view unread);

  [[nodiscard]] Want want() const;
  std::string take_output();
  [[nodiscard]] MonotonicTime deadline() const;
  void receive(std::string_view octets);
  void timed_out();
  void woken(Woken reason);
  [[nodiscard]] int event_fd() const;
  [[nodiscard]] MonotonicTime wait_until() const;
  void terminate();

  // Folds the selected mailbox (store::Mailbox::fold). Called by the session itself at its end; by
  // its owner when the connection broke.
  void finish();

 private:
  using Reply = Result<std::string>;  // "OK ..." without tag

  bool process_input();
  void process_command();
  void process_idle_line(std::string_view line);
  void process_literal();
  void refuse_literal(const Error& error);
  void begin_append(Request request);
  void finish_append();
  void end_command(std::string_view tag, const Reply& reply, bool may_expunge);
  void tell_changes(bool may_expunge, bool with_uid);
  Result<void> check_allowed(const Request& request) const;
  void say_bye(std::string_view text);

  Reply on(const Capability&);
  Reply on(const Noop&);
  Reply on(const Logout&);
  Reply on(const Id& id);
  Reply on(const Enable& enable);
  Reply on(const Select& select);
  Reply on(const Create& create);
  Reply on(const Delete& command);
  Reply on(const Rename& rename);
  Reply on(const Subscribe& subscribe);
  Reply on(const List& list);
  Reply on(const Namespace&);
  Reply on(const Status& status);
  Reply on(const Idle&);
  Reply on(const Check&);
  Reply on(const Close&);
  Reply on(const Unselect&);
  Reply on(const Expunge& expunge);
  Reply on(const Fetch& fetch);
  Reply on(const Store& command);
  Reply on(const Copy& copy);
  Reply on(const Search& search);
  // Refused by the verb table before they come here.
  Reply on(const StartTls&) { return fail(Errc::BadSequence, "Already logged in"); }
  Reply on(const Authenticate&) { return fail(Errc::BadSequence, "Already logged in"); }
  Reply on(const Login&) { return fail(Errc::BadSequence, "Already logged in"); }
  Reply on(const Append&) { return fail(Errc::Syntax, "The message must be a literal"); }

  void leave_mailbox();
  Result<void> expunge(const std::optional<SequenceSet>& uids);
  Result<std::vector<store::MailboxName>> list_with_parents();
  void put_list_line(const List& list, const store::MailboxName& name, bool has_subscribed_child);
  Result<void> put_status(const std::string& mailbox, const std::vector<std::string>& items);
  Result<std::string> copy_messages(const std::vector<std::size_t>& positions,
                                    const std::string& target, std::vector<store::Uid>* copied);
  void enable_condstore();

  store::MailStore& store_;
  const Clock& clock_;
  SessionSettings settings_;
  Framer framer_;
  std::string out_;
  bool closing_ = false;
  MonotonicTime last_input_;

  std::unique_ptr<Selected> selected_;
  bool condstore_ = false;

  std::string tag_;                // of the command in progress
  std::unique_ptr<FetchJob> job_;  // FETCH in progress
  bool job_by_uid_ = false;

  struct Appending {
    std::string tag;
    Append command;
    std::unique_ptr<store::Mailbox> mailbox;  // null: the selected one
    std::unique_ptr<Spool> spool;
    std::optional<Error> failure;
    std::size_t text_before = 0;  // octets of the framer's text up to the message
  };
  std::optional<Appending> append_;
  // Target of the APPEND before, open until another command: the next one mostly goes there too,
  // and the store need not learn anew what lies in it.
  std::unique_ptr<store::Mailbox> append_target_;
  std::optional<Error> refused_literal_;

  bool idling_ = false;
  bool input_ready_ = false;
  MonotonicTime last_said_;
};

}  // namespace mail::imap
