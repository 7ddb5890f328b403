// What files set and nothing here obeys, for one line in the log.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libmail/config/assignment.h"

namespace mail::config {

// Whether nothing obeys this setting: Dovecot knows it and Tubepost does not; or it stands in a
// section that is not applied. One whose value is the default makes no difference, so it is none.
bool is_without_effect(const Assignment& setting);

// All of them in one line, each name once: "plugin { quota, sieve }". Nothing for none.
std::optional<std::string> tell_without_effect(const std::vector<const Assignment*>& settings);

}  // namespace mail::config
