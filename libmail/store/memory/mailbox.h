#pragma once

#include <memory>

#include "libmail/store/memory/mail_store.h"

namespace mail::store::memory {

class MemoryMailbox final : public Mailbox {
 public:
  MemoryMailbox(std::shared_ptr<World> world, std::shared_ptr<Box> box)
      : world_(std::move(world)), box_(std::move(box)) {}
  MemoryMailbox(const MemoryMailbox&) = delete;
  MemoryMailbox& operator=(const MemoryMailbox&) = delete;
  ~MemoryMailbox() override;

  Result<MailboxStatus> status() override;
  Result<Changes> since(ModSeq after) override;
  Result<Changes> change(const Edit& edit) override;
  Result<Appended> append(MessageSource& message, const AppendOptions& options) override;
  Result<std::vector<Uid>> append_all(std::span<const NewMessage> messages) override;
  Result<std::unique_ptr<MessageReader>> open(Uid uid, View view) override;
  Result<Measure> measure(Uid uid) override;
  Result<std::string> from_line(Uid uid) override;
  Result<std::map<Uid, FormerIds>> former_ids() override;
  Result<void> lock_exclusively() override;

 private:
  ModSeq next_modseq();
  Result<Uid> store(MessageSource& message, const AppendOptions& options);
  [[nodiscard]] Result<void> may_change() const;
  Result<StoredMessage*> find(Uid uid);

  std::shared_ptr<World> world_;
  std::shared_ptr<Box> box_;
  bool holds_lock_ = false;
};

}  // namespace mail::store::memory
