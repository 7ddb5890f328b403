// Harness: either kind of IMAP session over a world of two messages, for transcripts. Settings:
// @ login      from the greeting on, else from after LOGIN with tag a0
// @ cleartext  passwords may travel without TLS
// @ ssl_required  no login at all without TLS;  @ scram  SCRAM-SHA-256 is offered
#pragma once

#include <memory>

#include "libmail/auth/memory_authenticator.h"
#include "libmail/imap/login_session.h"
#include "libmail/imap/session.h"
#include "libmail/store/memory/mail_store.h"
#include "libmail/store/message_source.h"
#include "tests/support/transcript.h"

namespace mail::imap {
inline constexpr std::string_view kExample =  // RFC 3501 section 8
    "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    "From: Terry Gray <gray@cac.washington.edu>\r\n"
    "Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
    "To: imap@cac.washington.edu\r\n"
    "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
    "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
    "\r\n"
    "Hello,\r\nthese are the minutes.\r\n";

inline constexpr std::string_view kMultipart =
    "From: =?gb2312?B?xPq6ww==?= <boss@linuxprobe.com>\r\n"
    "Subject: =?gb2312?B?xPq6ww==?=\r\n"
    "Content-Type: multipart/mixed; boundary=x\r\n"
    "\r\n"
    "--x\r\n"
    "Content-Type: text/plain; charset=gb2312\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "xPq6wyBXb3JsZA==\r\n"
    "--x\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Subject: inner\r\n"
    "\r\n"
    "inner text\r\n"
    "--x--\r\n";

// A world of two messages and either kind of session (@ login).
class Harness {
 public:
  explicit Harness(const test::Script& script) {
    world_ = std::make_shared<store::memory::World>(clock_);
    store_ = std::make_unique<store::memory::MemoryMailStore>(world_);
    add(kExample);
    add(kMultipart);
    authenticator_.add({"boss", 1000, 1000, "/home/boss", ""}, "linuxprobe");
    authenticator_.add({"user", 1001, 1001, "/home/user", ""}, "pencil");
    if (script.settings.contains("login")) {
      login_ = std::make_unique<LoginSession>(
          LoginSession::Context{"192.0.2.1", true, false,
                                auth::SaslPolicy{script.settings.contains("scram"),
                                                 script.settings.contains("cleartext"),
                                                 !script.settings.contains("ssl_required")},
                                &authenticator_},
          clock_);
    } else {
      session_ = std::make_unique<Session>(*store_, clock_, SessionSettings{}, "a0", "");
    }
  }

  // From login to session as run_server() does it, in one process.
  net::Want want() {
    if (login_ && login_->want() == Want::LoggedIn) {
      session_ = std::make_unique<Session>(*store_, clock_, SessionSettings{}, login_->tag(),
                                           login_->take_unread());
      login_.reset();
      return net::Want::Wait;
    }
    switch (login_ ? login_->want() : session_->want()) {
      case Want::Input:
        return net::Want::Input;
      case Want::Wait:
        return net::Want::Wait;
      case Want::Tls:
        return net::Want::Tls;
      default:
        return net::Want::Close;
    }
  }
  std::string take_output() { return login_ ? login_->take_output() : session_->take_output(); }
  MonotonicTime deadline() { return login_ ? login_->deadline() : session_->deadline(); }
  void receive(std::string_view octets) {
    login_ ? login_->receive(octets) : session_->receive(octets);
  }
  void timed_out() { login_ ? login_->timed_out() : session_->timed_out(); }
  void terminate() { login_ ? login_->terminate() : session_->terminate(); }
  void woken(net::Woken why) {
    if (session_) session_->woken(static_cast<Woken>(why));
  }
  static int event_fd() { return -1; }
  MonotonicTime wait_until() { return session_ ? session_->wait_until() : login_->deadline(); }
  void tls_started(const net::Transport& /*io*/) { login_->tls_started(); }

 private:
  void add(std::string_view octets) {
    auto inbox = store_->open("INBOX").value();
    store::StringSource source{std::string(octets)};
    store::AppendOptions options;
    options.internal_date = WallTime{std::chrono::seconds{837'596'665}};
    ASSERT_TRUE(inbox->append(source, options));
  }

  ManualClock clock_;
  auth::MemoryAuthenticator authenticator_;
  std::shared_ptr<store::memory::World> world_;
  std::unique_ptr<store::memory::MemoryMailStore> store_;
  std::unique_ptr<LoginSession> login_;
  std::unique_ptr<Session> session_;
};

}  // namespace mail::imap
