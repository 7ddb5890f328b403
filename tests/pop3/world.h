// World: everything a POP3 connection meets, in memory: the login session, and after it the mailbox
// session over the in-memory store, as login::run_server() joins them. A script's settings:
//
//   @ login               from the greeting on; without it boss has just logged in
//   @ tls                 STLS is offered;  @ need_tls   no password travels without TLS
//   @ scram               SCRAM-SHA-256 is offered;  @ ssl_required   no login at all without TLS
//   @ auth in-use         how the next password check fails (an Errc's name)
//   @ open io             how opening the maildrop fails;  @ in_use   another session has locked it
//   @ no_flag_updates     pop3_no_flag_updates = yes; likewise enable_last, reuse_xuidl
//   @ duplicates rename   pop3_uidl_duplicates
//   @ uidl_format %m      pop3_uidl_format; deleted_flag, delete_type likewise
//   @ workarounds ...     pop3_client_workarounds
//   @ message 120         a message of so many octets on the wire, or `dots`, `bare`, `no_end`,
//                         or its text: "Subject: x\n\nbody\n"
//   @ left 1 3            at the end these messages are in the mailbox (numbers from 1; none:
//   empty)
//   @ seen 1              and these of them have \Seen
//
// Account: boss, password "linuxprobe"; ann, password " a b " (spaces count).
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>

#include "libmail/auth/memory_authenticator.h"
#include "libmail/net/serve.h"
#include "libmail/pop3/login_session.h"
#include "libmail/pop3/response.h"
#include "libmail/pop3/session.h"
#include "libmail/store/memory/mail_store.h"
#include "libmail/store/message_source.h"
#include "tests/support/transcript.h"

namespace mail::pop3 {

// A message that is `size` octets long with CRLF line ends.
inline std::string message_of(std::size_t size) {
  std::string text = "Subject: one\n\n";
  std::size_t left = size - text.size() - 2;
  for (; left >= 52; left -= 52) text += std::string(50, 'x') + "\n";
  if (left >= 2) text += std::string(left - 2, 'x') + "\n";
  return text;
}

class World {
 public:
  explicit World(const test::Script& script = {}) : script_(script) {
    authenticator.add({"boss", 1000, 1000, "/home/boss", ""}, "linuxprobe");
    authenticator.add({"user", 1002, 1002, "/home/user", ""}, "pencil");  // RFC 7677's
    authenticator.add({"ann", 1001, 1001, "/home/ann", ""}, " a b ");
    for (const auto& [name, value] : script.settings) {
      if (name == "message") add(value);
    }
    configure();
    if (has("in_use")) {
      other_ = store_.open("INBOX").value();
      EXPECT_TRUE(other_->lock_exclusively());
    }
    if (has("auth")) authenticator.fail_next(code(script.setting("auth")));
    if (has("login")) {
      login_ = std::make_unique<LoginSession>(
          settings,
          LoginSession::Context{"192.0.2.1", has("tls") || has("need_tls"), false, policy(),
                                &authenticator},
          clock);
    } else {
      open("");
    }
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    if (has("left")) {
      EXPECT_EQ(numbers(false), script_.setting("left")) << script_.path;
    }
    if (has("seen")) {
      EXPECT_EQ(numbers(true), script_.setting("seen")) << script_.path;
    }
  }

  // What net::serve() asks for.
  net::Want want() {
    if (login_ && login_->want() == LoginSession::Want::LoggedIn) {
      const std::string unread = login_->take_unread();
      if (login_->is_utf8()) mode_ = Session::Mode::Utf8;
      login_.reset();
      open(unread);
    }
    if (login_) {
      switch (login_->want()) {
        case LoginSession::Want::Input:
          return net::Want::Input;
        case LoginSession::Want::Tls:
          return net::Want::Tls;
        default:
          return net::Want::Close;
      }
    }
    if (!refusal_.empty()) return net::Want::Work;  // its output goes out first
    if (!session_ || session_->want() == Session::Want::Close) return net::Want::Close;
    return has_new_session_ ? net::Want::Work : net::Want::Input;
  }
  void work() { has_new_session_ = false; }
  std::string take_output() {
    if (login_) return login_->take_output();
    if (session_) return session_->take_output();
    return std::exchange(refusal_, {});
  }
  [[nodiscard]] MonotonicTime deadline() const {
    return login_ ? login_->deadline() : session_->deadline();
  }
  void receive(std::string_view octets) {
    login_ ? login_->receive(octets) : session_->receive(octets);
  }
  void timed_out() { login_ ? login_->timed_out() : session_->timed_out(); }
  void terminate() { login_ ? login_->terminate() : session_->terminate(); }
  void tls_started(const net::Transport& /*io*/) { login_->tls_started(); }
  [[nodiscard]] static int event_fd() { return -1; }
  [[nodiscard]] MonotonicTime wait_until() const { return deadline(); }
  void woken(net::Woken /*why*/) {}

  void add(const std::string& what) {
    std::string octets;
    if (what == "dots") {
      octets = "Subject: dots\n.X-Dot: 1\n\n.\n..\n...three\nno.dot\n\n.last\n";
    } else if (what == "bare") {  // header section only
      octets = "Subject: bare\n";
    } else if (what == "no_end") {
      octets = "Subject: x\n\nno line end";
    } else if (what.starts_with('"')) {
      octets = test::unescape(what.substr(1, what.size() - 2));
    } else {
      octets = message_of(ascii::to_number<std::size_t>(what).value());
    }
    add_octets(octets);
  }
  void add_octets(const std::string& octets) {
    store::StringSource source{octets};
    EXPECT_TRUE(store_.open("INBOX").value()->append(source, {}));
  }

  // UIDs in the mailbox, or those with \Seen.
  std::string numbers(bool seen_only) {
    std::string text;
    for (const auto& [uid, message] : world->boxes.at("INBOX")->messages) {
      if (seen_only && !message.info.flags.has(store::Flag::Seen)) continue;
      text += (text.empty() ? "" : " ") + std::to_string(uid.value);
    }
    return text.empty() ? "none" : text;
  }

  // What the server says to `octets`; no piece is longer than net::serve() allows.
  std::string say(std::string_view octets) {
    receive(octets);
    std::string all;
    for (std::string part; !(part = take_output()).empty();) {
      EXPECT_LE(part.size(), std::size_t{64} << 10U);
      all += part;
    }
    return all;
  }

  ManualClock clock;
  Settings settings;
  auth::MemoryAuthenticator authenticator;
  std::shared_ptr<store::memory::World> world = std::make_shared<store::memory::World>(clock);

 private:
  [[nodiscard]] bool has(const std::string& name) const { return script_.settings.contains(name); }
  [[nodiscard]] auth::SaslPolicy policy() const {
    return {has("scram"), !has("need_tls"), !has("ssl_required")};
  }
  static Errc code(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(Errc::Internal); ++i) {
      if (to_string(static_cast<Errc>(i)) == name) return static_cast<Errc>(i);
    }
    throw std::runtime_error("no Errc " + std::string(name));
  }
  void open(std::string_view unread) {
    if (has("open")) world->fail_next(code(script_.setting("open")));
    auto opened = [&]() -> Result<std::unique_ptr<Session>> {
      auto inbox = TRY(store_.open("INBOX"));
      return Session::open(settings, std::move(inbox), clock, mode_);
    }();
    if (!opened) {
      refusal_ = to_login_response(opened.error());
      return;
    }
    session_ = *std::move(opened);
    has_new_session_ = true;
    if (!unread.empty()) session_->receive(unread);
  }

  void configure() {
    settings.no_flag_updates = has("no_flag_updates");
    settings.enable_last = has("enable_last");
    settings.reuse_xuidl = has("reuse_xuidl");
    settings.lock_session = has("in_use");
    settings.rename_duplicates = has("duplicates");
    if (has("uidl_format")) settings.uidl_format = script_.setting("uidl_format");
    if (has("deleted_flag")) settings.deleted_flag = script_.setting("deleted_flag");
    settings.expunges = expunges(has("delete_type") ? script_.setting("delete_type") : "default",
                                 settings.deleted_flag);
    const std::string workarounds = has("workarounds") ? script_.setting("workarounds") : "";
    settings.workarounds.outlook_no_nuls = workarounds.find("no-nuls") != std::string::npos;
    settings.workarounds.oe_ns_eoh = workarounds.find("eoh") != std::string::npos;
  }

  test::Script script_;
  Session::Mode mode_ = Session::Mode::Ascii;
  store::memory::MemoryMailStore store_{world};
  std::unique_ptr<store::Mailbox> other_;
  std::unique_ptr<LoginSession> login_;
  std::unique_ptr<Session> session_;
  std::string refusal_;
  bool has_new_session_ = false;
};

}  // namespace mail::pop3
