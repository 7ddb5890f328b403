#include "cmd/common/program.h"

#include <sysexits.h>

#include <csignal>
#include <exception>

#include "libmail/base/log.h"

namespace mail::cmd {

int exit_status(const Error& error) {
  switch (error.code) {
    case Errc::Config:
      return EX_CONFIG;
    case Errc::NotFound:
      return error.is_permanent() ? EX_NOUSER : EX_TEMPFAIL;
    case Errc::Denied:
    case Errc::BadCredentials:
    case Errc::PrivacyRequired:
      return error.is_permanent() ? EX_NOPERM : EX_TEMPFAIL;
    case Errc::Syntax:
    case Errc::TooLarge:
      return error.is_permanent() ? EX_DATAERR : EX_TEMPFAIL;
    default:
      return error.is_permanent() ? EX_UNAVAILABLE : EX_TEMPFAIL;
  }
}

int run_program(std::string_view name, const std::function<Result<int>()>& body) {
  log::open(name);
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  try {
    const auto status = body();
    if (status) return *status;
    log::error_lines(status.error().log_text);
    return exit_status(status.error());
  } catch (const std::exception& bug) {
    log::error(std::string("fatal: ") + bug.what());
  } catch (...) {
    log::error("fatal: unknown exception");
  }
  return EX_TEMPFAIL;
}

}  // namespace mail::cmd
