#include "cmd/common/accept.h"

#include "libmail/auth/system_accounts.h"
#include "libmail/base/log.h"

namespace mail::cmd {
net::AcceptSettings prepare_to_accept(const std::vector<std::string>& config_paths,
                                      const config::Loaded& config, std::vector<std::string> argv) {
  net::AcceptSettings settings;
  settings.argv = std::move(argv);
  if (config) {
    for (const auto& line : config::render(config->warnings())) log::warning(line);
    settings.watched_files = config->files();
    settings.may_execute_anew = [config_paths] {
      const auto fresh = config::load(config_paths);
      if (fresh) return true;
      log::error_lines(config::to_error(fresh.error()).log_text);
      log::error("the last good configuration is kept");
      return false;
    };
  } else {
    log::error_lines(config::to_error(config.error()).log_text);
    // Whatever was mended: the new process says what is left.
    settings.watched_files = config::files_named(config_paths);
  }
  auth::load_account_modules();
  return settings;
}

}  // namespace mail::cmd
