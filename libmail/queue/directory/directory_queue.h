// DirectoryQueue: the durable Queue (docs/queue-file.md). Below Settings::directory:
//
//   queue/ID        envelope, then message; locked (OFD) by whoever attempts it
//   queue/ID.try    side file: next try, attempts, reasons
//   queue/.ID.tmp   being made where O_TMPFILE is not supported; removed by the runner
//   damaged/ID      what could not be read; never deleted by us
//   drop/           messages from ordinary users (drop.h)
//
// Directories are made 0700 where they are missing. All of it belongs to one account; for an
// ordinary user that is the user.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/queue/queue.h"
#include "libmail/queue/settings.h"

namespace mail::queue {

class DirectoryQueue final : public Queue {
 public:
  static Result<std::unique_ptr<DirectoryQueue>> open(Settings settings, const Clock& clock);
  // As open(), without making anything: for mailq.
  static Result<std::unique_ptr<DirectoryQueue>> open_existing(Settings settings,
                                                               const Clock& clock);

  Result<std::unique_ptr<Draft>> create() override;
  Result<std::unique_ptr<Draft>> create_reserved() override;
  Result<std::vector<Listing>> list() override;
  Result<std::unique_ptr<Item>> lock(const QueueId& id) override;
  void notify() override;
  Result<std::vector<QueueId>> ids() override;
  Result<bool> exists(const QueueId& id) override;
  Result<void> settle() override;
  Result<void> remove_tombstones() override;

  // One runner at a time: held until the descriptor closes. InUse: another one runs.
  Result<FileDescriptor> lock_runner();
  // Removes what a killed process left half made; only the runner calls it.
  Result<void> remove_leftovers();
  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  DirectoryQueue(Settings settings, const Clock& clock);
  Result<std::unique_ptr<Draft>> make_draft();
  // Moves a file that cannot be read to damaged/ and says so in the log.
  void set_aside(const std::string& name, const Error& why);

  Settings settings_;
  const Clock& clock_;
  std::string directory_;  // .../queue
  IdSource ids_;
};

}  // namespace mail::queue
