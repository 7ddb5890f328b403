// parse(): CLI11 with our conventions. Included by main.cc files only (it costs seconds of
// compiling).
#pragma once

#include <sysexits.h>
#include <CLI/CLI.hpp>
#include <optional>

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

}  // namespace mail::cmd
