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

constexpr std::string_view kUtf8 = "UTF8";  // HandOver::tag: what the client said before login

pop3::Settings pop3_settings(const config::Configuration& config,
                             const config::Connection& connection) {
  const auto dovecot = config.dovecot(connection);
  pop3::Settings settings;
  settings.uidl_format = dovecot.get_string("pop3_uidl_format");
  settings.rename_duplicates = dovecot.get_string("pop3_uidl_duplicates") == "rename";
  settings.reuse_xuidl = dovecot.get_bool("pop3_reuse_xuidl");
  settings.md5_of =
      dovecot.get_string("mbox_md5") == "all" ? pop3::Md5Of::All : pop3::Md5Of::Apop3d;
  settings.no_flag_updates = dovecot.get_bool("pop3_no_flag_updates");
  settings.enable_last = dovecot.get_bool("pop3_enable_last");
  settings.lock_session = dovecot.get_bool("pop3_lock_session");
  settings.deleted_flag = dovecot.get_string("pop3_deleted_flag");
  settings.expunges = pop3::expunges(dovecot.get_string("pop3_delete_type"), settings.deleted_flag);
  for (const auto& name : dovecot.get_list("pop3_client_workarounds")) {
    if (name == "outlook-no-nuls") settings.workarounds.outlook_no_nuls = true;
    if (name == "oe-ns-eoh") settings.workarounds.oe_ns_eoh = true;
  }
  settings.logout_format = dovecot.get_string("pop3_logout_format");
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
  if (session.is_utf8()) outcome.tag = kUtf8;
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
    const auto mode = record.tag == kUtf8 ? pop3::Session::Mode::Utf8 : pop3::Session::Mode::Ascii;
    return pop3::Session::open(settings, std::move(inbox), clock, mode);
  }();
  if (!opened) {
    log::error("pop3(" + log::escape(record.identity.user) + "): " + opened.error().log_text);
    return io.write_all(pop3::to_login_response(opened.error()));
  }
  pop3::Session* session = opened->get();
  Adapter adapter(*session);
  auto served = net::serve(io, adapter);
  log::info("pop3(" + log::escape(record.identity.user) + "): Disconnected: Logged out " +
            pop3::logout_text(settings.logout_format, session->statistics()));
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
