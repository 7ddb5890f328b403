#include "cmd/deliver/lmtp.h"

#include <poll.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/common/routes.h"
#include "libmail/base/log.h"
#include "libmail/lmtp/session.h"
#include "libmail/local/packet.h"
#include "libmail/local/socket_conversation.h"
#include "libmail/login/roles.h"
#include "libmail/net/descriptor_transport.h"
#include "libmail/net/serve.h"
#include "libmail/queue/directory/directory_queue.h"

namespace mail::cmd {
namespace {

// Fits lmtp::Session to net::serve.
class Adapter {
 public:
  explicit Adapter(lmtp::Session& session) : session_(session) {}
  [[nodiscard]] net::Want want() const {
    return session_.want() == lmtp::Session::Want::Close ? net::Want::Close : net::Want::Input;
  }
  std::string take_output() { return session_.take_output(); }
  [[nodiscard]] MonotonicTime deadline() const { return session_.deadline(); }
  void receive(std::string_view octets) { session_.receive(octets); }
  void timed_out() { session_.timed_out(); }
  void terminate() { session_.terminate(); }
  void tls_started(const net::Transport& /*io*/) {}
  [[nodiscard]] static int event_fd() { return -1; }
  [[nodiscard]] MonotonicTime wait_until() const { return session_.deadline(); }
  void woken(net::Woken /*why*/) {}

 private:
  lmtp::Session& session_;
};

Result<void> serve_configured(const config::Configuration& config, int read_fd, int write_fd) {
  const auto postfix = config.postfix();
  const net::Peer peer = net::peer_of(read_fd);
  // No right is of use to what meets the peer: mailboxes are reached through deliver.sock.
  TRY(login::become_service("tubepost"));
  smtp::Settings settings;
  settings.myhostname = postfix.get_string("myhostname");
  settings.message_size_limit = postfix.get_size("message_size_limit");
  settings.recipient_limit = postfix.get_integer("smtpd_recipient_limit");
  settings.hard_error_limit = postfix.get_integer("smtpd_hard_error_limit");
  settings.timeout = postfix.get_duration("smtpd_timeout");
  const auto routes = TRY(Routes::open(config, policy_settings(config)));
  TRY(login::confine_service());
  const SystemClock clock;
  const auto queue = TRY(queue::DirectoryQueue::open(queue_settings(config), clock));
  const std::string socket = postfix.get_string("deliver_socket");
  local::SocketConversation local([socket] { return local::connect_packet_socket(socket); });
  net::DescriptorTransport io(read_fd, write_fd, {});
  lmtp::Services services{routes->policy(), *queue, local, clock, [read_fd] {
                            ::pollfd one{read_fd, POLLIN | POLLRDHUP, 0};
                            return ::poll(&one, 1, 0) <= 0 ||
                                   (one.revents & (POLLHUP | POLLERR)) == 0;
                          }};
  lmtp::Session session(settings, peer.address, std::move(services));
  Adapter adapter(session);
  return net::serve(io, adapter);
}

}  // namespace

int serve_lmtp(const config::Loaded& config, int read_fd, int write_fd) {
  const auto say = [write_fd](std::string_view line) {
    [[maybe_unused]] const auto put = ::write(write_fd, line.data(), line.size());
  };
  if (!config) {
    say("421 4.3.5 Service not available, configuration error\r\n");
    return 0;
  }
  const auto served = serve_configured(*config, read_fd, write_fd);
  if (served || served.error().code == Errc::Closed) return 0;
  log::error(served.error().log_text);
  say("421 4.3.0 Service not available, try again later\r\n");
  return EX_TEMPFAIL;
}

}  // namespace mail::cmd
