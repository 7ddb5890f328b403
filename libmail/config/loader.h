// From what files say to a Configuration (inside libmail/config).
#pragma once

#include "libmail/config/config.h"

namespace mail::config {

// `section_order`, where known already, goes before that of the assignments.
Loaded finish_loading(Reading reading, const Host& host,
                      std::vector<std::pair<std::string, std::string>> section_order = {});

}  // namespace mail::config
