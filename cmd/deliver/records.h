// deliver --records: the monitor that our own programs ask for local deliveries
// (docs/delivery-records.md).
#pragma once

#include <string>
#include <vector>

#include "cmd/common/routes.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/config/config.h"
#include "libmail/local/monitor.h"

namespace mail::cmd {

local::Settings local_settings(const config::Configuration& config);

// `routes` must outlive what is returned; settings and stores come from `config`.
local::MonitorWorld monitor_world(const config::Configuration& config, Routes& routes);

// One connection, from the first record to its end; the exit status. A broken configuration ends it
// at once: the asker waits or queues.
int serve_records(const config::Loaded& config, FileDescriptor connection);

// --explain ADDRESS: alias chain, and mailbox of each end point, from the decision's own trace.
Result<int> explain_delivery(const config::Configuration& config, const std::string& address);

}  // namespace mail::cmd
