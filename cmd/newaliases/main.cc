// newaliases: check aliases(5) files and compile them into the maps that all programs read.
#include <cstdio>
#include <string>
#include <vector>

#include <sysexits.h>

#include "cmd/common/cli.h"
#include "cmd/common/program.h"
#include "libmail/alias/compile.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/config/config.h"
#include "libmail/table/table.h"

namespace {

using namespace mail;

constexpr std::size_t kMaxAliasesOctets = 64U << 20U;

void complain(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

std::string place(const std::string& file, std::size_t line) {
  return line == 0 ? file : file + ":" + std::to_string(line);
}

// Files of alias_database, types taken off.
Result<std::vector<std::string>> list_databases(const std::vector<std::string>& config_paths) {
  const auto config = TRY(config::load_or_fail(config_paths));
  std::vector<std::string> files;
  for (const auto& item : config.postfix().get_list("alias_database")) {
    const auto spec = table::parse_spec(item);
    if (spec && table::is_file_type(spec->type)) {
      files.push_back(spec->name);
    } else {
      complain("newaliases: alias_database: nothing to compile for " + log::escape(item));
    }
  }
  return files;
}

// EX_OK, or why this file has no new map.
int compile(const std::string& file, bool check_only) {
  const auto state = alias::source_state(file);  // before reading: a later edit shows as one
  const auto text = sys::read_file(file, kMaxAliasesOctets);
  if (!text) {
    complain(file + ": " + text.error().log_text);
    return EX_NOINPUT;
  }
  const auto checked = alias::check_aliases(*text);
  for (const auto& warning : checked.warnings) {
    complain(place(file, warning.line) + ": warning: " + log::escape(warning.text, 1000));
  }
  for (const auto& mistake : checked.file.mistakes) {
    complain(place(file, mistake.line) + ": " + log::escape(mistake.text, 1000));
  }
  if (!checked.file.mistakes.empty()) {
    complain(file + ": not compiled; the map in use stays as it was");
    return EX_DATAERR;
  }
  if (!check_only) {
    const auto written = alias::write_map(file, checked.file.aliases, state);
    if (!written) {
      complain(file + ": " + written.error().log_text);
      return EX_CANTCREAT;
    }
  }
  std::printf("%s\n", alias::to_string(file, checked.summary).c_str());
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Check aliases(5) files and compile them into alias maps", "newaliases"};
  std::vector<std::string> config_paths;
  std::vector<std::string> files;
  bool check_only = false;
  app.add_option("-c,--config", config_paths,
                 "Configuration file; FILE, postfix:FILE or dovecot:FILE; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_flag("--check", check_only, "Check only; write nothing");
  app.add_option("files", files, "Aliases files instead of those of alias_database")
      ->type_name("FILE");
  if (const auto status = cmd::parse(app, argc, argv)) return *status;

  return cmd::run_program("newaliases", [&]() -> Result<int> {
    if (files.empty()) files = TRY(list_databases(config_paths));
    int status = EX_OK;
    for (const auto& file : files) {
      const int one = compile(file, check_only);
      if (status == EX_OK) status = one;
    }
    return status;
  });
}
