// From a Configuration to each domain's typed settings: one function per domain, and the only place
// where a parameter's name meets a field. The names were checked when the Configuration was loaded,
// so none of these can fail.
#pragma once

#include "libmail/alias/expansion.h"
#include "libmail/config/config.h"
#include "libmail/store/settings.h"

namespace mail::config {

// store/settings.h; `extra_lock` and `clock` stay with the caller.
store::Settings store_settings(const Configuration& config);

// alias/expansion.h; `is_local_domain` and `account_exists` stay with the caller.
alias::Expander::Settings alias_settings(const Configuration& config);

// Where mail waits. Not queue_directory: a stock Postfix main.cf sets that to Postfix's own queue.
std::string queue_path(const Configuration& config);

}  // namespace mail::config
