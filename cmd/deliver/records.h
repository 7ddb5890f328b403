// deliver --records: the monitor that our own programs ask for local deliveries
// (docs/delivery-records.md).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cmd/common/routes.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/config/config.h"
#include "libmail/local/monitor.h"

namespace mail::cmd {

local::Settings local_settings(const config::Configuration& config);

// Smtp-recv and smtp-send run as this account.
inline const std::string kMailOwner = "tubepost";

// Made once by the process that accepts, so that its children find everything ready; alias maps and
// tables are opened by the child that needs them, and are then those of that moment.
class Records {
 public:
  explicit Records(const config::Configuration& config);  // which must outlive it
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;

  // One connection, from the first record to its end; the exit status.
  int serve(FileDescriptor connection);

  Result<Routes*> open_routes();
  [[nodiscard]] const local::MonitorWorld& world() const { return world_; }

 private:
  Result<std::string> permit(const alias::EndPoint& end_point);

  const config::Configuration& config_;
  std::unique_ptr<auth::Accounts> accounts_;
  std::unique_ptr<Routes> routes_;
  local::MonitorWorld world_;
};

// --explain ADDRESS: alias chain, and mailbox of each end point, from the decision's own trace.
Result<int> explain_delivery(const config::Configuration& config, const std::string& address);

}  // namespace mail::cmd
