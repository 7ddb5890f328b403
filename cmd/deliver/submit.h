// Submission by a local program: message on descriptor 0, recipients as arguments or in its header.
#pragma once

#include <string>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/config/config.h"

namespace mail::cmd {

struct SubmitOptions {
  std::vector<std::string> recipients;
  std::string sender;             // -f
  std::string full_name;          // -F
  bool take_from_header = false;  // -t
  bool ignore_dots = false;       // -i, -oi
};
Result<int> submit(const SubmitOptions& options, const config::Configuration& config);

}  // namespace mail::cmd
