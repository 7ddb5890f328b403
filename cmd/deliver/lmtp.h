// deliver --lmtp: other mail systems hand over local mail (RFC 2033).
#pragma once

#include "libmail/config/config.h"

namespace mail::cmd {

// One connection on these descriptors; the exit status. A broken configuration is answered 421.
int serve_lmtp(const config::Loaded& config, int read_fd, int write_fd);

}  // namespace mail::cmd
