#include "libmail/login/connection.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <new>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/confine/memory.h"
#include "libmail/login/channel.h"
#include "libmail/login/monitor.h"
#include "libmail/login/monitor_client.h"
#include "libmail/login/pump.h"
#include "libmail/login/roles.h"
#include "libmail/login/standing.h"
#include "libmail/net/signals.h"

namespace mail::login {
namespace {

constexpr int kHandOverDescriptor = 3;
constexpr int kPlaceDescriptor = 4;

// Exit status of the front. Everything it needs is opened before it gives its rights up.
Result<int> run_front(const Protocol& protocol, const Options& options, const Settings& settings,
                      std::shared_ptr<tls::ServerContext> tls, const net::Peer& peer,
                      const auth::SaslPolicy& sasl, FileDescriptor channel) {
  if (!tls) {
    auto loaded = load_tls(settings);
    if (!loaded) log::error(protocol.name + "-login: no TLS: " + loaded.error().log_text);
    if (loaded) tls = *std::move(loaded);
  }
  if (!tls && (options.implicit_tls || settings.ssl == Settings::Ssl::Required)) {
    return fail(Errc::Config, "TLS not available", "TLS is needed, and there is no certificate");
  }
  if (tls) tls->read_tickets();
  TRY(confine::limit_memory(settings.front_memory));
  TRY(become_front(settings.front_user, settings.empty_directory));

  MonitorClient client(std::move(channel));
  net::DescriptorTransport::Settings io_settings;
  if (tls) {
    io_settings.start_tls = tls::ServerContext::starter(
        tls, [&client](std::size_t number) { return client.certificate(number); });
  }
  net::DescriptorTransport io(STDIN_FILENO, STDOUT_FILENO, std::move(io_settings));
  if (options.implicit_tls) TRY(io.start_tls());

  FrontContext context;
  context.peer = peer;
  context.tls_available = tls != nullptr && !options.implicit_tls;
  context.authenticator = &client;
  context.sasl = sasl;

  const auto outcome = TRY(protocol.front(io, context));
  if (!outcome.logged_in) return 0;
  net::ignore_termination();
  const FileDescriptor session = TRY(client.become_session(
      {outcome.login_name, outcome.tag, outcome.unread, io.tls_description(), io.is_tls()}));
  if (io.is_tls()) pump(io, session);
  return 0;
}

// Puts the record where the session looks for it.
Result<void> place_record(const HandOver& record) {
  const FileDescriptor memory(::memfd_create("hand-over", MFD_CLOEXEC));
  if (!memory.is_open()) return fail(sys::error_from_errno(errno, "memfd_create", "hand-over"));
  TRY(sys::write_all(memory, serialize(record)));
  if (::dup2(memory.get(), kHandOverDescriptor) < 0) {
    return fail(sys::error_from_errno(errno, "dup2", "hand-over"));
  }
  if (memory.get() == kHandOverDescriptor) {  // dup2 onto itself leaves close-on-exec set
    return fail(Errc::Internal, "Internal error", "descriptor 3 was free");
  }
  return {};
}

// A root's environment says nothing to a user's process.
void clean_environment(const auth::Identity& identity) {
  ::clearenv();                                         // NOLINT(concurrency-mt-unsafe)
  ::setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);  // NOLINT(concurrency-mt-unsafe)
  ::setenv("HOME", identity.home.c_str(), 1);           // NOLINT(concurrency-mt-unsafe)
  ::setenv("USER", identity.user.c_str(), 1);           // NOLINT(concurrency-mt-unsafe)
}

// From monitor to session: returns only when it fails. The place stays open in the session, which
// does not look at it, and is free again when that ends.
Result<void> execute_session(const HandOver& record, const FileDescriptor& place,
                             std::uint64_t memory) {
  auto arguments = own_arguments();
  if (arguments.empty()) return fail(Errc::Internal, "Internal error", "own arguments unreadable");
  // Out of the way first, so that neither lands on the other.
  const FileDescriptor held(::fcntl(place.get(), F_DUPFD_CLOEXEC, kPlaceDescriptor + 1));
  TRY(place_record(record));
  if (held.is_open() && ::dup2(held.get(), kPlaceDescriptor) < 0) {
    return fail(sys::error_from_errno(errno, "dup2", "place"));
  }
  TRY(confine::limit_memory(memory));
  const bool was_root = ::geteuid() == 0;
  TRY(become_user(record.identity));
  if (was_root) clean_environment(record.identity);
  arguments.insert(arguments.begin() + 1, "--session");
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  // Not by path: an upgrade may have replaced it, and the user may not reach it.
  ::execv("/proc/self/exe", argv.data());
  return fail(sys::error_from_errno(errno, "execv", "/proc/self/exe"));
}

int run_monitor(const Protocol& protocol, const Settings& settings, const net::Peer& peer,
                const FileDescriptor& channel, pid_t front) {
  static_cast<void>(std::signal(SIGTERM, SIG_IGN));  // the front says good-bye
  const SystemClock clock;
  const auto authenticator = make_authenticator(settings);
  Monitor monitor(settings, protocol.name, peer, *authenticator, clock);
  FileDescriptor pipe;
  auto served = monitor.serve(channel, pipe);
  if (!served) {
    log::error(served.error().log_text);
    static_cast<void>(::kill(front, SIGKILL));  // it asked for what is not in the table
    wait_for_child(front);
    return EX_TEMPFAIL;
  }
  if (!*served) return wait_for_child(front);
  if (pipe.is_open()) {
    ::dup2(pipe.get(), STDIN_FILENO);
    ::dup2(pipe.get(), STDOUT_FILENO);
    pipe.reset();
  } else {
    wait_for_child(front);
  }
  if (settings.before_session) settings.before_session((*served)->identity);
  const auto executed = execute_session(**served, monitor.release_place(), settings.session_memory);
  log::error(protocol.name + "-login: " + executed.error().log_text);
  say(protocol.unavailable);
  return EX_TEMPFAIL;
}

}  // namespace

void say(std::string_view octets) {
  [[maybe_unused]] const auto put = ::write(STDOUT_FILENO, octets.data(), octets.size());
}

Result<std::shared_ptr<tls::ServerContext>> load_tls(const Settings& settings) {
  std::shared_ptr<tls::ServerContext> none;
  if (settings.ssl == Settings::Ssl::No || settings.tls_settings.certificates.empty()) return none;
  auto context = tls::ServerContext::load(settings.tls_settings);
  if (context || settings.tls_settings.make_for.empty() || ::geteuid() == 0) return context;
  const auto code = context.error().code;
  if (code == Errc::NotFound || code == Errc::Denied) return none;
  return context;
}

std::vector<std::string> own_arguments() {
  const auto text = sys::read_file("/proc/self/cmdline");
  std::vector<std::string> arguments;
  if (!text || text->empty()) return arguments;
  for (const auto argument : ascii::split(*text, '\0')) arguments.emplace_back(argument);
  arguments.pop_back();  // behind the last NUL
  return arguments;
}

namespace {

int serve_peer(const Protocol& protocol, const Options& options, const Settings& settings,
               const std::shared_ptr<tls::ServerContext>& tls, const net::Peer& peer) {
  const auto give_up = [&](const Error& error) {
    log::error(protocol.name + "-login: " + error.log_text);
    if (!options.implicit_tls) say(protocol.unavailable);
    return EX_TEMPFAIL;
  };
  const auto standing = stand(settings, peer);
  if (!standing) return give_up(standing.error());
  if (standing->is_refused) {
    log::info(protocol.name +
              "-login: Disconnected (refused by login_networks_outside): user=<>, rip=" +
              peer.address + ", lip=" + peer.local_address);
    if (!options.implicit_tls) say(protocol.refused);
    return 0;
  }
  auto channel = make_channel();
  if (!channel) return give_up(channel.error());
  // Reads the password file, so it is done before there is a front.
  const auth::SaslPolicy sasl = sasl_policy(settings, *standing);
  const pid_t front = ::fork();
  if (front < 0) return give_up(sys::error_from_errno(errno, "fork", "front"));
  if (front == 0) {
    channel->first.reset();
    const auto status = [&]() -> Result<int> {
      try {
        return run_front(protocol, options, settings, tls, peer, sasl, std::move(channel->second));
      } catch (const std::bad_alloc&) {
        return fail(Errc::TooLarge, "Out of memory", "out of memory (vsz_limit)");
      }
    }();
    if (!status) {
      const bool is_mishap = status.error().code == Errc::Closed ||
                             status.error().code == Errc::Timeout ||
                             status.error().code == Errc::Denied;
      if (!is_mishap) ::_exit(give_up(status.error()));
      log::info(protocol.name + "-login: Disconnected: rip=" + peer.address + ": " +
                status.error().log_text);
    }
    ::_exit(status.value_or(0));
  }
  channel->second.reset();
  return run_monitor(protocol, settings, peer, channel->first, front);
}

}  // namespace

int serve_connection(const Protocol& protocol, const Options& options, const Settings& settings,
                     const std::shared_ptr<tls::ServerContext>& tls) {
  const net::Peer peer = net::peer_of(STDIN_FILENO);
  if (settings.for_peer) {
    // Its own certificates too, perhaps: they are read anew.
    if (const auto own = settings.for_peer(peer)) {
      return serve_peer(protocol, options, *own, nullptr, peer);
    }
  }
  return serve_peer(protocol, options, settings, tls, peer);
}

}  // namespace mail::login
