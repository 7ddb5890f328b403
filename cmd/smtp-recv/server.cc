#include "cmd/smtp-recv/server.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <new>

#include "cmd/common/login_program.h"
#include "cmd/common/program.h"
#include "cmd/common/routes.h"
#include "libmail/base/log.h"
#include "libmail/config/bindings.h"
#include "libmail/confine/memory.h"
#include "libmail/local/packet.h"
#include "libmail/local/socket_conversation.h"
#include "libmail/login/roles.h"
#include "libmail/login/standing.h"
#include "libmail/login/start_monitor.h"
#include "libmail/net/serve.h"
#include "libmail/queue/directory/directory_queue.h"
#include "libmail/smtp/session.h"

namespace mail::cmd {
namespace {

// A message is on disk as it comes: what is held is TLS, its header section and its recipients.
constexpr std::uint64_t kMemory = 128ULL << 20U;

// Fits smtp::Session to net::serve.
class Adapter {
 public:
  explicit Adapter(smtp::Session& session) : session_(session) {}
  [[nodiscard]] net::Want want() const {
    switch (session_.want()) {
      case smtp::Session::Want::Input:
        return net::Want::Input;
      case smtp::Session::Want::Tls:
        return net::Want::Tls;
      case smtp::Session::Want::Work:
        return net::Want::Work;
      case smtp::Session::Want::Close:
        break;
    }
    return net::Want::Close;
  }
  std::string take_output() { return session_.take_output(); }
  [[nodiscard]] MonotonicTime deadline() const { return session_.deadline(); }
  void receive(std::string_view octets) { session_.receive(octets); }
  void timed_out() { session_.timed_out(); }
  void terminate() { session_.terminate(); }
  void work() { session_.work(); }
  void tls_started(const net::Transport& io) { session_.tls_started(io.tls_description()); }
  [[nodiscard]] static int event_fd() { return -1; }
  [[nodiscard]] MonotonicTime wait_until() const { return session_.deadline(); }
  void woken(net::Woken /*why*/) {}

 private:
  smtp::Session& session_;
};

// The client's name by reverse DNS, confirmed forward; empty: unknown. As Postfix's
// smtpd_peername_lookup has it; a resolver that does not answer must not hold up the greeting long,
// which its own time-outs see to.
std::string confirmed_name(const std::string& address) {
  const auto parsed = net::Address::parse(address);
  if (!parsed) return {};
  ::sockaddr_storage storage{};
  const ::socklen_t size = parsed->to_sockaddr(0, storage);
  char name[NI_MAXHOST];
  if (::getnameinfo(reinterpret_cast<::sockaddr*>(&storage), size, name, sizeof name, nullptr, 0,
                    NI_NAMEREQD) != 0) {
    return {};
  }
  ::addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  ::addrinfo* found = nullptr;
  if (::getaddrinfo(name, nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<::addrinfo, void (*)(::addrinfo*)> all(found, ::freeaddrinfo);
  for (const auto* one = all.get(); one != nullptr; one = one->ai_next) {
    ::sockaddr_storage copy{};
    std::copy_n(reinterpret_cast<const char*>(one->ai_addr), one->ai_addrlen,
                reinterpret_cast<char*>(&copy));
    if (net::Address::from_sockaddr(copy, nullptr) == parsed) return name;
  }
  return {};
}

smtp::Settings smtp_settings(const config::Configuration& config, const ServerOptions& options) {
  const auto postfix = config.postfix();
  smtp::Settings settings;
  settings.myhostname = postfix.get_string("myhostname");
  settings.banner = postfix.get_string("smtpd_banner");
  settings.message_size_limit = postfix.get_size("message_size_limit");
  settings.recipient_limit = postfix.get_integer("smtpd_recipient_limit");
  settings.hard_error_limit = postfix.get_integer("smtpd_hard_error_limit");
  settings.hop_count_limit = postfix.get_integer("hopcount_limit");
  settings.timeout = postfix.get_duration("smtpd_timeout");
  settings.offer_auth = options.submission || postfix.get_bool("smtpd_sasl_auth_enable");
  settings.require_tls = postfix.get_string("smtpd_tls_security_level") == "encrypt";
  return settings;
}

void write_plain(int fd, std::string_view text) {
  [[maybe_unused]] const auto put = ::write(fd, text.data(), text.size());
}

Result<void> serve_configured(const ServerOptions& options, const config::Configuration& config,
                              const std::shared_ptr<tls::ServerContext>& tls, int read_fd,
                              int write_fd) {
  smtp::Settings settings = smtp_settings(config, options);
  net::Peer peer = net::peer_of(read_fd);
  if (!options.pretend_client.empty()) peer.address = options.pretend_client;

  // While nothing of the stranger has been read: the monitor that knows passwords; then the rights
  // go.
  const bool is_implicit = is_implicit_tls(options, config);
  if (is_implicit && !tls) {
    return fail(Errc::Config, "TLS not available", "TLS is needed, and there is no certificate");
  }
  std::unique_ptr<login::MonitorClient> authenticator;
  if (settings.offer_auth) {
    login::Settings monitor = login_settings(config, "smtp");
    // remote and local sections hold for AUTH as they do for the other logins.
    if (monitor.for_peer) {
      if (auto own = monitor.for_peer(peer)) monitor = *std::move(own);
    }
    if (tls) monitor.tls_settings = tls->settings();
    const auto standing = TRY(login::stand(monitor, peer));
    settings.sasl = login::sasl_policy(monitor, standing);
    // Postfix's word for the same; this machine is exempt here too (S50).
    if (config.postfix().get_bool("smtpd_tls_auth_only") && !standing.is_local) {
      settings.sasl.login_without_tls = false;
    }
    authenticator = TRY(login::start_monitor(monitor, "smtp", peer));
  }
  net::DescriptorTransport::Settings transport_settings;
  transport_settings.tls_timeout = config.postfix().get_duration("smtpd_starttls_timeout");
  if (tls) {
    tls->read_tickets();
    // Certificates for other names come from the monitor; without one their files are opened now.
    tls::NamedReader named;
    if (authenticator) {
      named = [&authenticator](std::size_t number) { return authenticator->certificate(number); };
    } else {
      named = tls::open_named(tls->settings());
    }
    // After a handshake that failed nothing can be said any more, least of all in plaintext.
    transport_settings.start_tls =
        [start = tls::ServerContext::starter(tls, std::move(named)), address = peer.address](
            int fd, MonotonicTime deadline) -> Result<std::unique_ptr<net::TlsChannel>> {
      auto channel = start(fd, deadline);
      if (channel) return channel;
      log::info("SSL_accept error from [" + address + "]: " + channel.error().log_text);
      return fail(Errc::Closed, "Connection closed", channel.error().log_text);
    };
  }
  TRY(confine::limit_memory(kMemory));
  TRY(login::become_service("tubepost"));

  policy::Settings policy = policy_settings(config);
  policy.permit_sender_unauthenticated = !options.submission;
  const auto routes = TRY(Routes::open(config, policy));
  TRY(login::confine_service());
  const SystemClock clock;
  const auto queue = TRY(queue::DirectoryQueue::open(queue_settings(config), clock));
  const std::string deliver_socket = config.postfix().get_string("deliver_socket");
  local::SocketConversation local(
      [deliver_socket] { return local::connect_packet_socket(deliver_socket); });

  const bool tls_offered = static_cast<bool>(transport_settings.start_tls);
  net::DescriptorTransport io(read_fd, write_fd, std::move(transport_settings));
  if (is_implicit) TRY(io.start_tls());
  smtp::ClientInfo client;
  client.address = peer.address;
  if (config.postfix().get_bool("smtpd_peername_lookup"))
    client.name = confirmed_name(peer.address);
  client.tls_offered = tls_offered && !is_implicit;
  client.tls = io.is_tls();
  client.tls_description = io.tls_description();
  // A client that has only closed its sending side (a pipe from printf, `nc -N`) waits for the
  // reply.
  const auto client_is_there = [write_fd] {
    ::pollfd one{write_fd, 0, 0};
    return ::poll(&one, 1, 0) <= 0 || (one.revents & (POLLHUP | POLLERR)) == 0;
  };
  smtp::Services services{routes->policy(),    *queue, local,
                          authenticator.get(), clock,  client_is_there};
  smtp::Session session(settings, std::move(client), std::move(services));
  Adapter adapter(session);
  return net::serve(io, adapter);
}

}  // namespace

bool is_implicit_tls(const ServerOptions& options, const config::Configuration& config) {
  return options.implicit_tls || config.postfix().get_bool("smtpd_tls_wrappermode");
}

tls::Settings tls_settings_of(const ServerOptions& options, const config::Configuration& config) {
  const bool is_mandatory = is_implicit_tls(options, config) ||
                            config.postfix().get_string("smtpd_tls_security_level") == "encrypt";
  return config::smtp_tls_settings(config, is_mandatory);
}

Result<std::shared_ptr<tls::ServerContext>> load_tls(const tls::Settings& settings) {
  std::shared_ptr<tls::ServerContext> none;
  if (settings.certificates.empty()) return none;
  auto context = tls::ServerContext::load(settings);
  if (context || settings.make_for.empty() || ::geteuid() == 0) return context;
  const auto code = context.error().code;
  if (code == Errc::NotFound || code == Errc::Denied) return none;
  return context;
}

std::shared_ptr<tls::ServerContext> load_tls_or_log(const tls::Settings& settings) {
  auto context = load_tls(settings);
  if (context) return *std::move(context);
  log::error("no TLS: " + context.error().log_text);
  return nullptr;
}

int serve_connection(const ServerOptions& options, const config::Loaded& config,
                     const std::shared_ptr<tls::ServerContext>& tls, int read_fd, int write_fd) {
  if (!config) {
    write_plain(write_fd, "421 4.3.5 Service not available, configuration error\r\n");
    return 0;
  }
  const auto served = [&]() -> Result<void> {
    try {
      return serve_configured(options, *config, tls, read_fd, write_fd);
    } catch (const std::bad_alloc&) {
      return fail(Errc::TooMany, "Out of memory", "out of memory: the connection is closed");
    }
  }();
  if (served) return 0;
  if (served.error().code == Errc::Closed) return 0;  // the client is gone
  log::error(served.error().log_text);
  if (served.error().code != Errc::Timeout) {
    write_plain(write_fd, "421 4.3.0 Service not available, try again later\r\n");
  }
  return EX_TEMPFAIL;
}

Result<int> explain(const ServerOptions& options, const config::Configuration& config,
                    const std::string& address) {
  const auto routes = TRY(Routes::open(config, policy_settings(config)));
  const auto addr_spec = TRY(address::parse_recipient_argument(address));
  Trace trace;
  const auto decision = routes->policy().decide({options.pretend_client, ""}, {addr_spec}, trace);
  if (!decision) {
    std::fputs(format_trace(trace).c_str(), stdout);
    const smtp::Reply reply = smtp::to_reply(decision.error());
    std::printf("refused: %s", smtp::to_wire(reply).c_str());
    return exit_status(decision.error());
  }
  std::fputs(format_trace(decision->trace).c_str(), stdout);
  for (const auto& end_point : decision->end_points) {
    std::printf("accepted: %s %s\n", std::string(alias::to_string(end_point.kind)).c_str(),
                end_point.target.c_str());
  }
  return 0;
}

}  // namespace mail::cmd
