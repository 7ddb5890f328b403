// imap-serve: read mail in place by IMAP (RFC 3501). One connection on descriptors 0 and 1, or
// accepting.
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "cmd/common/cli.h"
#include "cmd/common/login_program.h"
#include "cmd/common/program.h"
#include "libmail/base/log.h"
#include "libmail/config/bindings.h"
#include "libmail/imap/login_session.h"
#include "libmail/imap/session.h"
#include "libmail/net/serve.h"
#include "libmail/store/factory/open.h"
#include "libmail/store/layout.h"
#include "libmail/store/location.h"
#include "libmail/store/namespaced.h"

namespace mail::cmd {
namespace {

// Fits the two sessions to net::serve.
template <class S>
class Adapter {
 public:
  explicit Adapter(S& session) : session_(session) {}
  [[nodiscard]] net::Want want() const {
    switch (session_.want()) {
      case imap::Want::Input:
        return net::Want::Input;
      case imap::Want::Wait:
        return net::Want::Wait;
      case imap::Want::Tls:
        return net::Want::Tls;
      case imap::Want::LoggedIn:
        return net::Want::HandOver;
      case imap::Want::Close:
        break;
    }
    return net::Want::Close;
  }
  std::string take_output() { return session_.take_output(); }
  [[nodiscard]] MonotonicTime deadline() const { return session_.deadline(); }
  void receive(std::string_view octets) { session_.receive(octets); }
  void timed_out() { session_.timed_out(); }
  void terminate() { session_.terminate(); }
  void tls_started(const net::Transport& /*io*/) {
    if constexpr (requires { session_.tls_started(); }) session_.tls_started();
  }
  [[nodiscard]] int event_fd() const {
    if constexpr (requires { session_.event_fd(); }) return session_.event_fd();
    return -1;
  }
  [[nodiscard]] MonotonicTime wait_until() const {
    if constexpr (requires { session_.wait_until(); }) return session_.wait_until();
    return session_.deadline();
  }
  void woken(net::Woken why) {
    if constexpr (requires { session_.wait_until(); }) {
      session_.woken(why == net::Woken::Input   ? imap::Woken::Input
                     : why == net::Woken::Event ? imap::Woken::Event
                                                : imap::Woken::Time);
    }
  }

 private:
  S& session_;
};

Result<login::FrontOutcome> serve_front(net::Transport& io, login::FrontContext& context) {
  const SystemClock clock;
  imap::LoginSession session({context.peer.address, context.tls_available, io.is_tls(),
                              context.sasl, context.authenticator},
                             clock);
  Adapter adapter(session);
  TRY(net::serve(io, adapter));
  login::FrontOutcome outcome;
  outcome.logged_in = session.want() == imap::Want::LoggedIn;
  outcome.login_name = session.login_name();
  outcome.unread = session.take_unread();
  outcome.tag = session.tag();
  return outcome;
}

imap::SessionSettings imap_settings(const config::Configuration& config,
                                    const config::Connection& connection) {
  const auto dovecot = config.dovecot(connection);
  const auto seconds = [&](const char* name) {
    return std::chrono::ceil<std::chrono::seconds>(dovecot.get_duration(name));
  };
  imap::SessionSettings settings;
  settings.idle_notify = seconds("imap_idle_notify_interval");
  settings.idle_look = std::max(seconds("mailbox_idle_check_interval"), settings.idle_poll);
  settings.special_use = config::namespace_bindings(config).special_use;
  return settings;
}

// Mailboxes that `auto` makes; one that cannot be made is no reason to serve nothing.
void make_mailboxes(store::MailStore& mail_store, const config::NamespaceBindings& names,
                    const auth::Identity& identity) {
  for (const auto& mailbox : names.made) {
    auto made = mail_store.create(mailbox.name);
    if (!made && made.error().code == Errc::Exists) continue;
    if (made && mailbox.subscribed) made = mail_store.subscribe(mailbox.name, true);
    if (made) continue;
    log::warning("imap(" + log::escape(identity.user) + "): mailbox " + log::escape(mailbox.name) +
                 " cannot be made: " + made.error().log_text);
  }
}

// The user's mailboxes under the names that Dovecot's namespace gives them.
Result<std::unique_ptr<store::MailStore>> open_namespace(const config::Configuration& config,
                                                         const store::Settings& where,
                                                         const auth::Identity& identity,
                                                         imap::SessionSettings& settings) {
  auto mail_store = TRY(store::open_mail_store(where, identity));
  const auto names = config::namespace_bindings(config);
  if (!names.is_set) return mail_store;
  const store::User user{identity.user, identity.home, identity.uid};
  const auto located = TRY(store::locate_mail(where, user, identity.mail_location));
  settings.separator = store::separator_of(located.location);  // Dovecot's where none is set
  if (!names.separator.empty()) settings.separator = names.separator.front();
  settings.prefix = names.prefix;
  mail_store = std::make_unique<store::NamespacedStore>(
      std::move(mail_store), store::Namespace{settings.prefix, settings.separator});
  make_mailboxes(*mail_store, names, identity);
  return mail_store;
}

Result<void> serve_session(const config::Configuration& config, net::Transport& io,
                           const login::HandOver& record) {
  const SystemClock clock;
  const auto connection = connection_of(record, "imap");
  auto settings = imap_settings(config, connection);
  const auto mail_store = TRY(open_namespace(config, config::store_settings(config, connection),
                                             record.identity, settings));
  imap::Session session(*mail_store, clock, std::move(settings), record.tag, record.unread);
  Adapter adapter(session);
  auto served = net::serve(io, adapter);
  session.finish();  // folds the mailbox when the connection broke
  log::info("imap(" + log::escape(record.identity.user) +
            "): Disconnected: " + (served ? "Logged out" : served.error().log_text));
  return served;
}

}  // namespace
}  // namespace mail::cmd

int main(int argc, char** argv) {
  using namespace mail;
  cmd::LoginProgramOptions options;
  CLI::App app{"Read mail in place by IMAP: one connection on descriptors 0 and 1", "imap-serve"};
  cmd::add_login_options(app, options.config_paths, options.print_config, options.check,
                         options.server.listen, options.server.idle_exit,
                         options.server.implicit_tls, options.server.session);
  if (const auto status = cmd::parse(app, argc, argv)) return *status;
  return cmd::run_program("imap-serve", [&]() -> Result<int> {
    login::Protocol protocol;
    protocol.name = "imap";
    protocol.unavailable = "* BYE [UNAVAILABLE] Service not available, try again later\r\n";
    protocol.refused = "* BYE [NOPERM] Connections from your network are not taken\r\n";
    protocol.front = cmd::serve_front;
    protocol.session = [&](net::Transport& io, const login::HandOver& record) -> Result<void> {
      const auto config = TRY(cmd::begin_session(record, "imap"));
      return cmd::serve_session(config, io, record);
    };
    return cmd::run_login_program(options, protocol);
  });
}
