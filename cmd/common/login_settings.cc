#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "cmd/common/login_program.h"
#include "libmail/auth/account_list.h"
#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/config/bindings.h"
#include "libmail/config/values.h"
#include "libmail/local/branches.h"
#include "libmail/local/packet.h"
#include "libmail/local/socket_conversation.h"

namespace mail::cmd {
namespace {

// The front is small: TLS, a line, a few kilobytes of answers.
constexpr std::uint64_t kFrontMemory = 64ULL << 20U;

// Dovecot's service NAME { vsz_limit }: 2^64-1, its default, means default_vsz_limit; 0 none.
std::uint64_t memory_of(const config::Reader& dovecot, const std::string& service,
                        std::uint64_t otherwise) {
  const auto limit = dovecot.get_size("service/" + service + "/vsz_limit");
  return limit == config::kUnlimited ? otherwise : limit;
}

// Dovecot takes 10.1.2.3/8 for 10.0.0.0/8.
std::string masked(const std::vector<std::string>& networks) {
  std::string text;
  for (const auto& network : networks) text += config::mask_network(network) + ' ';
  return text;
}

// A new user's directories in root's tree (S56): deliver has the rights to make them, a login
// server has not. A check is all that it takes.
std::function<void(const auth::Identity&)> directory_maker(store::Settings mail,
                                                           std::string deliver_socket) {
  return [mail = std::move(mail),
          deliver_socket = std::move(deliver_socket)](const auth::Identity& identity) {
    if (::geteuid() != 0) return;
    const auto located = store::locate_mail(mail, {identity.user, identity.home, identity.uid},
                                            identity.mail_location);
    if (!located || !local::needs_monitor(located->location.branches)) return;
    local::SocketConversation deliver([&] { return local::connect_packet_socket(deliver_socket); });
    const auto verdict =
        deliver.check({alias::Kind::User, identity.user, identity.user, {}, {}, false}, 0);
    if (verdict.answer == local::Answer::Ok) return;
    log::warning(log::escape(identity.user) + ": deliver did not make " +
                 log::escape(located->location.root) + ": " + log::escape(verdict.text));
  };
}

login::Settings settings_for(const config::Configuration& config,
                             const config::Connection& connection) {
  const auto dovecot = config.dovecot(connection);
  const auto postfix = config.postfix();
  login::Settings settings;
  settings.disable_plaintext_auth = dovecot.get_bool("disable_plaintext_auth");
  const std::string ssl = dovecot.get_string("ssl");
  settings.ssl = ssl == "no"         ? login::Settings::Ssl::No
                 : ssl == "required" ? login::Settings::Ssl::Required
                                     : login::Settings::Ssl::Yes;
  settings.trusted_networks = masked(dovecot.get_list("login_trusted_networks"));
  settings.refuse_outside = postfix.get_string("login_networks_outside") != "allow";
  settings.first_valid_uid = static_cast<unsigned>(dovecot.get_integer("first_valid_uid"));
  settings.last_valid_uid = static_cast<unsigned>(dovecot.get_integer("last_valid_uid"));
  settings.first_valid_gid = static_cast<unsigned>(dovecot.get_integer("first_valid_gid"));
  settings.last_valid_gid = static_cast<unsigned>(dovecot.get_integer("last_valid_gid"));
  settings.accounts = config::account_bindings(config).settings;
  const auto mechanisms = dovecot.get_list("auth_mechanisms");
  // Once for all connections: who edits the file is noticed as with any other (settings.files).
  settings.offer_scram =
      std::any_of(mechanisms.begin(), mechanisms.end(),
                  [](const auto& name) { return ascii::iequals(name, "SCRAM-SHA-256"); }) &&
      auth::AccountList(settings.accounts).can_scram();
  settings.counters_file = postfix.get_string("tubepost_run_directory") + "/auth";
  settings.max_userip_connections =
      static_cast<unsigned>(dovecot.get_integer("mail_max_userip_connections"));
  settings.live_file = postfix.get_string("tubepost_run_directory") + "/live";
  settings.auth_failure_delay = std::chrono::duration_cast<std::chrono::milliseconds>(
      dovecot.get_duration("auth_failure_delay"));
  settings.tls_settings = config::login_tls_settings(config, connection);
  settings.empty_directory = postfix.get_string("tubepost_state_directory") + "/empty";
  const auto memory = dovecot.get_size("default_vsz_limit");
  settings.session_memory = memory_of(dovecot, connection.protocol, memory);
  settings.front_memory = memory_of(dovecot, connection.protocol + "-login",
                                    memory == 0 ? kFrontMemory : std::min(memory, kFrontMemory));
  // smtp's sessions are no processes of their own.
  if (connection.protocol != "smtp") {
    settings.configuration = config.serialize();
    settings.before_session = directory_maker(config::store_settings(config, connection),
                                              postfix.get_string("deliver_socket"));
  }
  settings.files = config.files();
  for (const auto& passdb : settings.accounts.passdbs) {
    if (!passdb.path.empty()) settings.files.push_back(passdb.path);
  }
  for (auto& file : tls::watched_files(settings.tls_settings)) {
    settings.files.push_back(std::move(file));
  }
  return settings;
}

}  // namespace

login::Settings login_settings(const config::Configuration& config, const std::string& protocol) {
  auto settings = settings_for(config, {protocol, {}, {}, {}});
  if (!config.depends_on_address()) return settings;
  const auto own = std::make_shared<const config::Configuration>(config);
  settings.for_peer = [own, protocol](const net::Peer& peer) -> std::optional<login::Settings> {
    const config::Connection connection{protocol, peer.local_address, peer.address, {}};
    if (!own->depends_on_address(connection)) return std::nullopt;
    return settings_for(*own, connection);
  };
  return settings;
}

}  // namespace mail::cmd
