// MemoryQueue: the twin of DirectoryQueue for tests. Same answers, nothing on disk; counts notices,
// and can be told to fail.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libmail/base/clock.h"
#include "libmail/queue/queue.h"

namespace mail::queue {

class MemoryQueue final : public Queue {
 public:
  struct Stored {
    Envelope envelope;
    std::string message;
    WallTime next_try{};
    unsigned attempts = 0;
    bool locked = false;
  };

  explicit MemoryQueue(const Clock& clock) : clock_(clock) {}

  Result<std::unique_ptr<Draft>> create() override;
  Result<std::unique_ptr<Draft>> create_reserved() override;
  Result<std::vector<Listing>> list() override;
  Result<std::unique_ptr<Item>> lock(const QueueId& id) override;
  void notify() override { ++notices_; }
  Result<std::vector<QueueId>> ids() override;
  Result<bool> exists(const QueueId& id) override;
  Result<void> settle() override;
  Result<void> remove_tombstones() override;

  // For tests.
  [[nodiscard]] const std::map<QueueId, Stored>& stored() const { return *stored_; }
  [[nodiscard]] unsigned notices() const { return notices_; }
  void fail_create(std::optional<Error> error) { fail_create_ = std::move(error); }
  void fail_commit(std::optional<Error> error) { *fail_commit_ = std::move(error); }

 private:
  const Clock& clock_;
  IdSource ids_;
  // Shared with drafts and items, which may outlive the queue.
  std::shared_ptr<std::map<QueueId, Stored>> stored_ =
      std::make_shared<std::map<QueueId, Stored>>();
  std::optional<Error> fail_create_;
  std::shared_ptr<std::optional<Error>> fail_commit_ = std::make_shared<std::optional<Error>>();
  unsigned notices_ = 0;
};

}  // namespace mail::queue
