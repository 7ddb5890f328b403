#include "libmail/login/server.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "libmail/auth/system_accounts.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/login/connection.h"
#include "libmail/net/listener.h"
#include "libmail/net/signals.h"

namespace mail::login {
namespace {

constexpr int kHandOverDescriptor = 3;

Result<HandOver> take_hand_over() {
  const FileDescriptor memory(kHandOverDescriptor);
  const auto status = TRY(sys::fstat(memory));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > kMaxHandOverOctets) return fail(Errc::TooLarge, "hand-over record is too large");
  return parse_hand_over(TRY(sys::pread_all(memory, 0, size)));
}

int run_session(const Protocol& protocol) {
  const auto fail_with = [&](const std::string& why) {
    log::error(protocol.name + ": " + why);
    say(protocol.unavailable);
    return EX_TEMPFAIL;
  };
  ::prctl(PR_SET_NAME, protocol.name.c_str());  // otherwise "exe"
  if (::geteuid() == 0 || ::getuid() == 0) return fail_with("a session is never uid 0");
  const auto record = take_hand_over();
  if (!record) return fail_with(record.error().log_text);
  if (record->identity.uid != ::geteuid()) return fail_with("hand-over record of another user");
  net::DescriptorTransport io(STDIN_FILENO, STDOUT_FILENO, {});
  io.unread(record->unread);
  const auto served = [&]() -> Result<void> {
    try {
      return protocol.session(io, *record);
    } catch (const std::bad_alloc&) {
      // What the session held is free again. Whatever was in the middle of being sent stays without
      // its end, so no client takes it for the whole.
      return fail(Errc::TooLarge, "Out of memory", "out of memory (vsz_limit)");
    }
  }();
  if (served) return 0;
  const Error& error = served.error();
  if (error.code == Errc::Closed || error.code == Errc::Timeout) {
    log::info(protocol.name + "(" + log::escape(record->identity.user) +
              "): Disconnected: " + error.log_text);
    return 0;
  }
  return fail_with(log::escape(record->identity.user) + ": " + error.log_text);
}

// Accepting: the parent holds settings and certificate; it becomes a new process only when the new
// configuration can be used, so that the last good one goes on otherwise.
Result<int> run_acceptor(const Protocol& protocol, const Options& options,
                         std::vector<FileDescriptor> sockets,
                         const std::function<Result<Settings>()>& load_settings) {
  const auto settings = load_settings();
  if (!settings) log::error_lines(settings.error().log_text);
  std::shared_ptr<tls::ServerContext> tls;
  if (settings) {
    auto loaded = load_tls(*settings);
    if (loaded) {
      tls = *loaded;
    } else {
      log::error(protocol.name + "-login: no TLS: " + loaded.error().log_text);
    }
  }
  auth::load_account_modules();
  net::AcceptSettings accepting;
  accepting.idle_exit = options.idle_exit;
  accepting.argv = own_arguments();
  if (settings) accepting.watched_files = settings->files;
  accepting.may_execute_anew = [&] {
    const auto fresh = load_settings();
    if (!fresh) {
      log::error_lines(fresh.error().log_text + "\nthe last good configuration is kept");
      return !settings;
    }
    // A certificate that is being renewed file by file: until the pair fits, the last good one.
    const auto renewed = load_tls(*fresh);
    if (renewed || !tls) return true;
    log::error(protocol.name + "-login: " + renewed.error().log_text +
               "; the last good certificate is kept");
    return false;
  };
  const auto serve = [&](FileDescriptor connection) {
    ::dup2(connection.get(), STDIN_FILENO);
    ::dup2(connection.get(), STDOUT_FILENO);
    connection.reset();
    if (settings) return serve_connection(protocol, options, *settings, tls);
    // Without any that was good: perhaps it has been mended since.
    const auto fresh = load_settings();
    if (fresh) return serve_connection(protocol, options, *fresh, nullptr);
    say(protocol.unavailable);
    return EX_TEMPFAIL;
  };
  TRY(net::accept_connections(std::move(sockets), accepting, protocol.unavailable, serve));
  return 0;
}

}  // namespace

Result<int> run_server(const Protocol& protocol, const Options& options,
                       const std::function<Result<Settings>()>& load_settings) {
  net::install_signal_handlers();
  if (options.session) return run_session(protocol);
  auto sockets = net::inherited_sockets();
  if (sockets.empty() && !options.listen.empty()) {
    sockets.push_back(TRY(net::listen_on(options.listen, net::SocketKind::Stream)));
  }
  if (sockets.empty() && net::is_listening(STDIN_FILENO)) {
    sockets.emplace_back(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  }
  if (!sockets.empty()) return run_acceptor(protocol, options, std::move(sockets), load_settings);
  const auto settings = load_settings();
  if (!settings) {
    log::error_lines(settings.error().log_text);
    if (!options.implicit_tls) say(protocol.unavailable);
    return EX_TEMPFAIL;
  }
  return serve_connection(protocol, options, *settings, nullptr);
}

}  // namespace mail::login
