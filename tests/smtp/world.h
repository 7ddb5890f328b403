// World: everything an smtp::Session meets, in memory. A script's settings say how it is:
//
//   @ client 192.0.2.1        the peer; without it 192.168.10.30, which is in mynetworks
//   @ tls                     STARTTLS is offered
//   @ auth                    AUTH is offered; boss has the password linuxprobe
//   @ scram                   SCRAM-SHA-256 is offered, too
//   @ auth_only_with_tls      no password travels without TLS;  @ ssl_required   no login at all
//   @ require_tls, @ submission, @ require_auth
//   @ size_limit N, @ recipient_limit N, @ error_limit N, @ hop_limit N
//   @ check boss full         the answer at RCPT;  @ deliver boss later   the one after the dot
//   @ stored boss 1           at the end one message lies in boss's mailbox
//   @ queued 1                and one in the queue
//   @ no_space                the queue has no room;  @ auth_down   passwords cannot be checked
//
// Ours are linuxprobe.com and mail.linuxprobe.com, we relay to backup.example. Accounts: boss,
// root, ann. Aliases: bin and postmaster lead to root, team to boss and ann, away to
// ann@elsewhere.example, broken cannot be told now.
#pragma once

#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "libmail/auth/memory_authenticator.h"
#include "libmail/local/memory_conversation.h"
#include "libmail/net/serve.h"
#include "libmail/queue/memory/memory_queue.h"
#include "libmail/smtp/session.h"
#include "tests/support/transcript.h"

namespace mail::smtp {

class World {
 public:
  explicit World(const test::Script& script = {})
      : script_(script), policy_(make_policy(script)), settings_(make_settings(script)) {
    accounts.add({"boss", 1000, 1000, "/home/boss", ""}, "linuxprobe");
    accounts.add({"user", 1002, 1002, "/home/user", ""}, "pencil");  // RFC 7677's
    if (has("auth_down")) accounts.fail_next(Errc::Unavailable);
    if (has("no_space")) queue.fail_create(make_error(Errc::NoSpace, "full"));
    for (const auto& [name, value] : script.settings) {
      if (name != "check" && name != "deliver") continue;
      std::istringstream words(value);
      std::string target;
      std::string answer;
      words >> target >> answer;
      if (name == "check") local.on_check(target, verdict(answer));
      if (name == "deliver") local.on_deliver(target, verdict(answer));
    }
    ClientInfo client;
    client.address = script.setting("client", "192.168.10.30");
    if (client.address == "none") client.address.clear();
    client.tls_offered = has("tls");
    session = std::make_unique<Session>(
        settings_, client,
        Services{policy_, queue, local, has("auth") || has("auth_down") ? &accounts : nullptr,
                 clock});
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    for (const auto& [name, value] : script_.settings) {
      if (name == "queued") {
        EXPECT_EQ(std::to_string(queue.stored().size()), value) << script_.path;
      }
      if (name != "stored") continue;
      const std::size_t space = value.find(' ');
      EXPECT_EQ(std::to_string(local.stored_for(value.substr(0, space)).size()),
                value.substr(space + 1))
          << script_.path << ": mailbox of " << value;
    }
  }

  // What net::serve() asks for.
  [[nodiscard]] net::Want want() const {
    switch (session->want()) {
      case Session::Want::Input:
        return net::Want::Input;
      case Session::Want::Tls:
        return net::Want::Tls;
      case Session::Want::Work:
        return net::Want::Work;
      case Session::Want::Close:
        break;
    }
    return net::Want::Close;
  }
  std::string take_output() { return session->take_output(); }
  [[nodiscard]] MonotonicTime deadline() const { return session->deadline(); }
  void receive(std::string_view octets) { session->receive(octets); }
  void timed_out() { session->timed_out(); }
  void terminate() { session->terminate(); }
  void work() { session->work(); }
  void tls_started(const net::Transport& io) { session->tls_started(io.tls_description()); }
  [[nodiscard]] static int event_fd() { return -1; }
  [[nodiscard]] MonotonicTime wait_until() const { return session->deadline(); }
  void woken(net::Woken /*why*/) {}

  // What the server says to `octets`.
  std::string say(std::string_view octets) {
    receive(octets);
    std::string all;
    for (std::string part; !(part = take_output()).empty();) all += part;
    while (session->want() == Session::Want::Work) {
      work();
      for (std::string part; !(part = take_output()).empty();) all += part;
    }
    return all;
  }

 private:
  test::Script script_;

 public:
  ManualClock clock;
  queue::MemoryQueue queue{clock};
  local::MemoryConversation local;
  auth::MemoryAuthenticator accounts;

 private:
  [[nodiscard]] bool has(const std::string& name) const {
    return script_.settings.count(name) != 0;
  }

  static Settings make_settings(const test::Script& script) {
    const auto number = [&](const char* name, std::size_t fallback) {
      return ascii::to_number<std::size_t>(script.setting(name)).value_or(fallback);
    };
    Settings settings;
    settings.myhostname = "mail.linuxprobe.com";
    settings.banner = "mail.linuxprobe.com ESMTP Tubepost";
    settings.message_size_limit = number("size_limit", 10'240'000);
    settings.recipient_limit = number("recipient_limit", 1000);
    settings.hard_error_limit = number("error_limit", 20);
    settings.hop_count_limit = number("hop_limit", 50);
    settings.require_tls = script.settings.count("require_tls") != 0;
    const auto has_setting = [&](const char* name) { return script.settings.count(name) != 0; };
    settings.sasl = {has_setting("scram"), !has_setting("auth_only_with_tls"),
                     !has_setting("ssl_required")};
    settings.require_auth = script.settings.count("require_auth") != 0;
    return settings;
  }

  static policy::RecipientPolicy make_policy(const test::Script& script) {
    policy::Settings settings;
    settings.myorigin = "linuxprobe.com";
    settings.mydestination = {"linuxprobe.com", "mail.linuxprobe.com"};
    settings.relay_domains = {"backup.example"};
    settings.mynetworks = {"127.0.0.0/8", "192.168.10.0/24"};
    settings.inet_interfaces = {"192.168.10.10"};
    settings.permit_sender_unauthenticated = script.settings.count("submission") == 0;
    return *policy::RecipientPolicy::open(settings, expand);
  }

  static Result<alias::Expansion> expand(std::string_view local_part, std::string_view original) {
    static const std::map<std::string, std::vector<std::string>, std::less<>> kNames{
        {"boss", {"boss"}},
        {"root", {"root"}},
        {"ann", {"ann"}},
        {"bin", {"root"}},
        {"postmaster", {"root"}},
        {"team", {"boss", "ann"}},
        {"away", {"ann@elsewhere.example"}},
    };
    if (local_part == "broken") return fail(Errc::Unavailable, "cannot be told now");
    const auto found = kNames.find(ascii::to_lower(local_part));
    if (found == kNames.end()) return fail(Errc::NotFound, EnhancedStatus{5, 1, 1}, "unknown");
    alias::Expansion expansion;
    for (const auto& target : found->second) {
      alias::EndPoint end_point;
      const bool remote = target.find('@') != std::string::npos;
      end_point.kind = remote ? alias::Kind::Remote : alias::Kind::User;
      end_point.target = target;
      end_point.original_to = original;
      expansion.end_points.push_back(std::move(end_point));
    }
    return expansion;
  }

  static local::Verdict verdict(const std::string& word) {
    using local::Answer;
    if (word == "unknown") return {Answer::Unknown, {5, 1, 1}, "User unknown", {}, false};
    if (word == "full") return {Answer::Full, {4, 2, 2}, "Mailbox full", {}, false};
    if (word == "over-quota") return {Answer::Full, {5, 2, 2}, "Mailbox full", {}, false};
    if (word == "unwritable") return {Answer::Unwritable, {4, 2, 0}, "Not writable", {}, false};
    if (word == "later") return {Answer::Later, {4, 2, 1}, "Locked", {}, false};
    if (word == "not-committed") return {Answer::NotCommitted, {4, 3, 0}, "No answer", {}, false};
    if (word == "unresolved") return {Answer::Unresolved, {4, 3, 0}, "No answer", {}, false};
    if (word == "failed") return {Answer::Failed, {5, 3, 0}, "Command died", {}, false};
    local::Verdict forwarded{Answer::Forwarded, {2, 0, 0}, "", {}, word == "forwarded-keep"};
    if (word == "forwarded-partly") forwarded.status = {5, 1, 1};  // some of a list failed for good
    alias::EndPoint target;
    target.kind = alias::Kind::Remote;
    target.target = word == "forwarded-home" ? "ann@linuxprobe.com" : "boss@elsewhere.example";
    target.original_to = "boss@linuxprobe.com";
    forwarded.forward_to.push_back(target);
    return forwarded;
  }

  policy::RecipientPolicy policy_;
  Settings settings_;

 public:
  std::unique_ptr<Session> session;
};

}  // namespace mail::smtp
