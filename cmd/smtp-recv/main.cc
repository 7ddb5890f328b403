// smtp-recv: receive mail. One SMTP server session on descriptors 0 and 1, or accepting connections
// and serving each in a child (RFC 5321).
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "cmd/common/accept.h"
#include "cmd/common/cli.h"
#include "cmd/common/program.h"
#include "cmd/smtp-recv/server.h"
#include "libmail/base/log.h"
#include "libmail/net/listener.h"
#include "libmail/net/signals.h"

namespace mail::cmd {
namespace {

Result<int> accept_all(const ServerOptions& options, std::vector<FileDescriptor> sockets,
                       bool idle_exit, std::vector<std::string> argv) {
  const config::Loaded config = config::load(options.config_paths);
  net::AcceptSettings settings = prepare_to_accept(options.config_paths, config, std::move(argv));
  settings.idle_exit = idle_exit;
  std::shared_ptr<tls::ServerContext> tls;
  if (config) {
    settings.max_per_source = config->postfix().get_integer("smtpd_client_connection_count_limit");
    const auto tls_settings = tls_settings_of(options, *config);
    tls = load_tls_or_log(tls_settings);
    for (auto& file : tls::watched_files(tls_settings)) {
      settings.watched_files.push_back(std::move(file));
    }
    // A certificate that is being renewed file by file: until the pair fits, the last good one.
    settings.may_execute_anew = [&options, &tls, is_usable = settings.may_execute_anew] {
      if (!is_usable()) return false;
      const auto fresh = config::load(options.config_paths);
      if (!fresh || !tls) return true;
      const auto renewed = load_tls(tls_settings_of(options, *fresh));
      if (renewed) return true;
      log::error(renewed.error().log_text + "; the last good certificate is kept");
      return false;
    };
  }
  TRY(net::accept_connections(
      std::move(sockets), settings, "421 4.7.0 Error: too many connections from your address\r\n",
      [&](FileDescriptor connection) {
        return serve_connection(options, config, tls, connection.get(), connection.get());
      }));
  return 0;
}

}  // namespace
}  // namespace mail::cmd

int main(int argc, char** argv) {
  using namespace mail;
  cmd::ServerOptions options;
  std::string listen;
  std::string explained;
  bool idle_exit = false;
  bool print_config = false;
  bool check = false;
  CLI::App app{"Receive mail: an SMTP server session on descriptors 0 and 1", "smtp-recv"};
  cmd::add_config_options(app, options.config_paths);
  app.add_option("--listen", listen, "Accept connections on ADDRESS:PORT");
  app.add_flag("--idle-exit", idle_exit, "With inherited sockets: leave after 10 idle seconds");
  app.add_flag("--submission", options.submission,
               "Message submission: offer and want authentication");
  app.add_flag("--implicit-tls", options.implicit_tls, "TLS from the first octet (port 465)");
  app.add_option("--client", options.pretend_client, "Take the client for this address (tests)");
  app.add_option("--explain", explained, "Tell how this recipient would be decided, and why");
  app.add_flag("--print-config", print_config, "Print every setting, its default and its origin");
  app.add_flag("--check", check, "Check the configuration");
  if (const auto status = cmd::parse(app, argc, argv)) return *status;
  const std::vector<std::string> words(argv, argv + argc);

  return cmd::run_program("smtp-recv", [&]() -> Result<int> {
    net::install_signal_handlers();
    if (print_config || check || !explained.empty()) {
      const auto config = TRY(config::load_or_fail(options.config_paths));
      if (print_config) {
        for (const auto& line : config.print()) std::printf("%s\n", line.c_str());
      }
      if (!explained.empty()) return cmd::explain(options, config, explained);
      return 0;
    }
    std::vector<FileDescriptor> sockets = net::inherited_sockets();
    if (sockets.empty() && !listen.empty())
      sockets.push_back(TRY(net::listen_on(listen, net::SocketKind::Stream)));
    if (sockets.empty() && net::is_listening(STDIN_FILENO))
      sockets.emplace_back(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!sockets.empty()) return cmd::accept_all(options, std::move(sockets), idle_exit, words);
    const auto config = config::load(options.config_paths);
    if (!config) log::error_lines(config::to_error(config.error()).log_text);
    const auto tls =
        config ? cmd::load_tls_or_log(cmd::tls_settings_of(options, *config)) : nullptr;
    return cmd::serve_connection(options, config, tls, STDIN_FILENO, STDOUT_FILENO);
  });
}
