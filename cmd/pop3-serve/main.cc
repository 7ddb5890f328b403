// pop3-serve: read mail by POP3 (RFC 1939). One connection on descriptors 0 and 1, or accepting.
#include <unistd.h>

#include "cmd/common/cli.h"
#include "cmd/common/login_program.h"
#include "cmd/common/program.h"
#include "libmail/base/log.h"
#include "libmail/config/bindings.h"
#include "libmail/net/serve.h"
#include "libmail/pop3/login_session.h"
#include "libmail/pop3/response.h"
#include "libmail/pop3/session.h"
#include "libmail/store/factory/open.h"

namespace mail::cmd {
namespace {

pop3::Settings pop3_settings(const config::Configuration& config,
                             const config::Connection& connection) {
  const auto dovecot = config.dovecot(connection);
  pop3::Settings settings;
  settings.uidl_format = dovecot.get_string("pop3_uidl_format");
  settings.no_flag_updates = dovecot.get_bool("pop3_no_flag_updates");
  settings.lock_session = dovecot.get_bool("pop3_lock_session");
  return settings;
}

// Fits the two sessions to net::serve, which knows one set of wants.
template <class S>
class Adapter {
 public:
  explicit Adapter(S& session) : session_(session) {}
  [[nodiscard]] net::Want want() const {
    if constexpr (requires { S::Want::LoggedIn; }) {
      if (session_.want() == S::Want::Tls) return net::Want::Tls;
      if (session_.want() == S::Want::LoggedIn) return net::Want::HandOver;
    }
    return session_.want() == S::Want::Close ? net::Want::Close : net::Want::Input;
  }
  std::string take_output() { return session_.take_output(); }
  [[nodiscard]] MonotonicTime deadline() const { return session_.deadline(); }
  void receive(std::string_view octets) { session_.receive(octets); }
  void timed_out() { session_.timed_out(); }
  void terminate() { session_.terminate(); }
  void tls_started(const net::Transport& /*io*/) {
    if constexpr (requires { session_.tls_started(); }) session_.tls_started();
  }
  [[nodiscard]] static int event_fd() { return -1; }
  [[nodiscard]] MonotonicTime wait_until() const { return session_.deadline(); }
  void woken(net::Woken /*why*/) {}

 private:
  S& session_;
};

Result<login::FrontOutcome> serve_front(net::Transport& io, login::FrontContext& context) {
  const pop3::Settings settings;
  const SystemClock clock;
  pop3::LoginSession session(settings,
                             {context.peer.address, context.tls_available, io.is_tls(),
                              context.sasl, context.authenticator},
                             clock);
  Adapter adapter(session);
  TRY(net::serve(io, adapter));
  login::FrontOutcome outcome;
  outcome.logged_in = session.want() == pop3::LoginSession::Want::LoggedIn;
  outcome.login_name = session.login_name();
  outcome.unread = session.take_unread();
  return outcome;
}

Result<void> serve_session(const config::Configuration& config, net::Transport& io,
                           const login::HandOver& record) {
  const pop3::Settings settings = pop3_settings(config, connection_of(record, "pop3"));
  const SystemClock clock;
  std::unique_ptr<store::MailStore> mail_store;
  const auto opened = [&]() -> Result<std::unique_ptr<pop3::Session>> {
    mail_store = TRY(store::open_mail_store(
        config::store_settings(config, connection_of(record, "pop3")), record.identity));
    auto inbox = TRY(mail_store->open("INBOX"));
    return pop3::Session::open(settings, std::move(inbox), clock);
  }();
  if (!opened) {
    log::error("pop3(" + log::escape(record.identity.user) + "): " + opened.error().log_text);
    return io.write_all(pop3::to_login_response(opened.error()));
  }
  pop3::Session* session = opened->get();
  Adapter adapter(*session);
  auto served = net::serve(io, adapter);
  const auto& counts = session->statistics();
  log::info("pop3(" + log::escape(record.identity.user) + "): Disconnected: Logged out top=" +
            std::to_string(counts.top) + ", retr=" + std::to_string(counts.retrieved) +
            ", del=" + std::to_string(counts.deleted) + '/' + std::to_string(counts.messages) +
            ", size=" + std::to_string(counts.octets));
  return served;
}

}  // namespace
}  // namespace mail::cmd

int main(int argc, char** argv) {
  using namespace mail;
  cmd::LoginProgramOptions options;
  CLI::App app{"Read mail by POP3: one connection on descriptors 0 and 1", "pop3-serve"};
  cmd::add_login_options(app, options.config_paths, options.print_config, options.check,
                         options.server.listen, options.server.idle_exit,
                         options.server.implicit_tls, options.server.session);
  if (const auto status = cmd::parse(app, argc, argv)) return *status;
  return cmd::run_program("pop3-serve", [&]() -> Result<int> {
    login::Protocol protocol;
    protocol.name = "pop3";
    protocol.unavailable = "-ERR [SYS/TEMP] Service not available, try again later.\r\n";
    protocol.refused = "-ERR [SYS/PERM] Connections from your network are not taken.\r\n";
    protocol.front = cmd::serve_front;
    protocol.session = [&](net::Transport& io, const login::HandOver& record) -> Result<void> {
      const auto config = TRY(cmd::begin_session(record, "pop3"));
      return cmd::serve_session(config, io, record);
    };
    return cmd::run_login_program(options, protocol);
  });
}
