// What all of smtp-send's roles put together from the configuration.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cmd/common/routes.h"
#include "libmail/base/clock.h"
#include "libmail/config/config.h"
#include "libmail/dns/cares_resolver.h"
#include "libmail/local/socket_conversation.h"
#include "libmail/queue/directory/directory_queue.h"
#include "libmail/relay/attempt.h"
#include "libmail/relay/settings.h"

namespace mail::cmd {

relay::Settings relay_settings(const config::Configuration& config);
dns::Settings dns_settings(const config::Configuration& config);

// Objects with one lifetime; a relay::World refers to them.
struct Sending {
  SystemClock clock;
  queue::Settings queue_settings;
  relay::Settings relay_settings;
  std::unique_ptr<queue::DirectoryQueue> queue;
  std::unique_ptr<local::SocketConversation> local;
  std::unique_ptr<Routes> routes;

  relay::World world();
  // End points of an address by today's configuration, as for a local user.
  Result<std::vector<alias::EndPoint>> expand(const std::string& address);
};
Result<std::unique_ptr<Sending>> open_sending(const config::Configuration& config);

}  // namespace mail::cmd
