// parse(): CLI11 with our conventions. Included by main.cc files only (it costs seconds of
// compiling).
#pragma once

#include <sysexits.h>
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libmail/config/config.h"

namespace mail::cmd {

// Empty when the program shall run; else the exit status (0 after --help and --version, EX_USAGE).
inline std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  app.set_version_flag("--version", std::string("Tubepost ") + TUBEPOST_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : EX_USAGE;
  }
  return std::nullopt;
}

// -c FILE and -o NAME=VALUE, which may be repeated; in the form that config::load() takes.
inline void add_config_options(CLI::App& app, std::vector<std::string>& config_arguments) {
  app.add_option("-c,--config", config_arguments, "Configuration file; may be repeated")
      ->allow_extra_args(false)
      ->take_all();
  app.add_option_function<std::vector<std::string>>(
         "-o",
         [&config_arguments](const std::vector<std::string>& settings) {
           for (const auto& setting : settings) {
             config_arguments.push_back(config::command_line_setting(setting));
           }
         },
         "NAME=VALUE: a setting for this server alone; may be repeated")
      ->allow_extra_args(false)
      ->take_all();
}

// Options that pop3-serve and imap-serve share.
inline void add_login_options(CLI::App& app, std::vector<std::string>& config_paths,
                              bool& print_config, bool& check, std::string& listen, bool& idle_exit,
                              bool& implicit_tls, bool& session) {
  add_config_options(app, config_paths);
  app.add_option("--listen", listen, "Accept connections on ADDRESS:PORT");
  app.add_flag("--idle-exit", idle_exit, "With inherited sockets: leave after 10 idle seconds");
  app.add_flag("--implicit-tls", implicit_tls, "TLS from the first octet");
  app.add_flag("--print-config", print_config, "Print every setting, its default and its origin");
  app.add_flag("--check", check, "Check the configuration");
  app.add_flag("--session", session, "Internal: a session that a login handed over");
}

}  // namespace mail::cmd
