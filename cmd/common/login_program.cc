#include "cmd/common/login_program.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "libmail/base/log.h"
#include "libmail/config/bindings.h"
#include "libmail/confine/files.h"
#include "libmail/confine/filter.h"
#include "libmail/net/listener.h"
#include "libmail/net/signals.h"
#include "libmail/store/factory/open.h"

namespace mail::cmd {

config::Connection connection_of(const login::HandOver& record, const std::string& protocol) {
  return {protocol, record.peer.local_address, record.peer.address, {}};
}

Result<config::Configuration> begin_session(const login::HandOver& record,
                                            const std::string& protocol) {
  auto config = config::load_serialized(record.configuration);
  if (!config) return fail(config::to_error(config.error()));
  confine::Files files;
  files.readable = confine::library_files();
  files.writable = TRY(store::mail_directories(
      config::store_settings(*config, connection_of(record, protocol)), record.identity));
  files.writable.emplace_back("/tmp");  // a message on its way in
  TRY(confine::restrict_files(files));
  TRY(confine::install_filter(confine::Filter::Session));
  return *std::move(config);
}

Result<int> run_login_program(const LoginProgramOptions& options, const login::Protocol& protocol) {
  net::install_signal_handlers();
  if (options.print_config || options.check) {
    const auto config = TRY(config::load_or_fail(options.config_paths));
    if (options.print_config) {
      for (const auto& line : config.print(protocol.name)) std::printf("%s\n", line.c_str());
    }
    return 0;
  }
  // A server that accepts says once what it passes over; one connection's process does not.
  bool tells = !options.server.listen.empty() || net::is_listening(STDIN_FILENO) ||
               std::getenv("LISTEN_FDS") != nullptr;  // NOLINT(concurrency-mt-unsafe): no threads
  return login::run_server(protocol, options.server, [&]() -> Result<login::Settings> {
    const auto config = config::load(options.config_paths);
    if (!config) return fail(config::to_error(config.error()));
    if (std::exchange(tells, false)) {
      for (const auto& line : config::render(config->warnings())) log::warning(line);
    }
    return login_settings(*config, protocol.name);
  });
}

}  // namespace mail::cmd
