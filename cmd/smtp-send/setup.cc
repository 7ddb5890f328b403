#include "cmd/smtp-send/setup.h"

#include <algorithm>

#include <cstdlib>

#include "libmail/base/ascii.h"
#include "libmail/local/packet.h"

namespace mail::cmd {
relay::Settings relay_settings(const config::Configuration& config) {
  const auto postfix = config.postfix();
  relay::Settings settings;
  settings.myhostname = postfix.get_string("myhostname");
  settings.relayhost = postfix.get_string("relayhost");
  settings.recipient_limit =
      std::max<std::uint64_t>(1, postfix.get_integer("default_destination_recipient_limit"));
  settings.connect_timeout = postfix.get_duration("smtp_connect_timeout");
  return settings;
}

dns::Settings dns_settings(const config::Configuration& config) {
  dns::Settings settings;
  // For tests and for a resolver on another port: not a setting of the mail system.
  if (const char* servers = std::getenv("TUBEPOST_RESOLVER"))
    settings.servers = servers;  // NOLINT(concurrency-mt-unsafe)
  for (const auto& word : config.postfix().get_list("inet_protocols")) {
    if (ascii::iequals(word, "ipv4")) settings.ipv6 = false;
    if (ascii::iequals(word, "ipv6")) settings.ipv4 = false;
  }
  if (!settings.ipv4 && !settings.ipv6) settings.ipv4 = settings.ipv6 = true;  // "ipv4, ipv6"
  return settings;
}

relay::World Sending::world() {
  return {*queue,         *local,
          clock,          queue_settings,
          relay_settings, [this](const std::string& address) { return expand(address); }};
}

Result<std::vector<alias::EndPoint>> Sending::expand(const std::string& address) {
  const auto addr_spec = TRY(address::parse_recipient_argument(address));
  Trace trace;
  auto decision = TRY(routes->policy().decide({}, {addr_spec}, trace));
  return std::move(decision.end_points);
}

Result<std::unique_ptr<Sending>> open_sending(const config::Configuration& config) {
  auto sending = std::make_unique<Sending>();
  sending->queue_settings = queue_settings(config);
  sending->relay_settings = relay_settings(config);
  sending->queue = TRY(queue::DirectoryQueue::open(sending->queue_settings, sending->clock));
  const std::string socket = config.postfix().get_string("deliver_socket");
  sending->local = std::make_unique<local::SocketConversation>(
      [socket] { return local::connect_packet_socket(socket); });
  sending->routes = TRY(Routes::open(config, policy_settings(config)));
  return sending;
}

}  // namespace mail::cmd
