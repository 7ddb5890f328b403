// deliver --lmtp: other mail systems hand over local mail (RFC 2033).
#pragma once

#include <string>
#include <vector>

namespace mail::cmd {

// One connection on these descriptors; the exit status.
int serve_lmtp(const std::vector<std::string>& config_paths, int read_fd, int write_fd);

}  // namespace mail::cmd
