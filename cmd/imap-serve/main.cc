// imap-serve: read mail in place by IMAP (RFC 3501). One connection on descriptors 0 and 1, or
// accepting.
#include "cmd/common/cli.h"
#include "cmd/common/login_program.h"
#include "cmd/common/program.h"
#include "libmail/base/log.h"
#include "libmail/config/bindings.h"
#include "libmail/imap/login_session.h"
#include "libmail/imap/session.h"
#include "libmail/net/serve.h"
#include "libmail/store/factory/open.h"

namespace mail::cmd {
namespace {

Result<login::FrontOutcome> serve_front(net::Transport& io, login::FrontContext& context) {
  const SystemClock clock;
  imap::LoginSession session({context.peer.address, context.tls_available, io.is_tls(),
                              context.cleartext_allowed, context.authenticator},
                             clock);
  TRY(net::serve(io, session));
  login::FrontOutcome outcome;
  outcome.logged_in = session.want() == net::Want::HandOver;
  outcome.login_name = session.login_name();
  outcome.unread = session.take_unread();
  outcome.tag = session.tag();
  return outcome;
}

Result<void> serve_session(const config::Configuration& config, net::Transport& io,
                           const login::HandOver& record) {
  const SystemClock clock;
  const auto mail_store =
      TRY(store::open_mail_store(config::store_settings(config), record.identity));
  imap::Session session(*mail_store, clock, {}, record.tag, record.unread);
  auto served = net::serve(io, session);
  session.finish();  // folds the mailbox when the connection broke
  log::info("imap(" + log::escape(record.identity.user) + "): Disconnected: " +
            (served ? "Logged out" : served.error().log_text));
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
      const auto config = TRY(config::load_or_fail(options.config_paths));
      return cmd::serve_session(config, io, record);
    };
    return cmd::run_login_program(options, protocol);
  });
}
