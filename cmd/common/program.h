// run_program(): what every binary's main() does around its work. CLI11 is included by each
// binary's one main.cc through cli.h; this file does not know it.
//
// Sets up logging (log.h), ignores SIGPIPE, runs `body`, logs its Error and maps it to a
// sysexits(3) status. An exception that escapes is a bug or a system that cannot go on: logged,
// EX_TEMPFAIL, so that a bug never bounces mail.
#pragma once

#include <functional>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::cmd {

// sysexits(3) of an error: the table all binaries share; their manuals list it.
int exit_status(const Error& error);

int run_program(std::string_view name, const std::function<Result<int>()>& body);

}  // namespace mail::cmd
