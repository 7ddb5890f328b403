// The in-memory twin of a MailStore: same promises, for tests of everything above the store.
// Any number of MemoryMailStores over one World see the same mailboxes, as sessions do; fail_next()
// makes the next call of any of them fail.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "libmail/base/clock.h"
#include "libmail/store/mail_store.h"

namespace mail::store::memory {

struct StoredMessage {
  MessageInfo info;
  Measure measure;
  std::string octets;  // as they were appended, LF line ends
  std::string envelope_sender;
  FormerIds former_ids;  // as the test wishes
};

struct Box {
  MailboxStatus status;
  std::map<Uid, StoredMessage> messages;
  std::map<ModSeq, Uid> vanished;
  std::map<std::string, Uid, std::less<>> deliveries;
  bool is_locked = false;
};

struct World {
  explicit World(const Clock& time) : clock(time) {}
  const Clock& clock;
  std::map<std::string, std::shared_ptr<Box>, std::less<>> boxes;
  std::set<std::string> subscriptions;
  std::uint32_t boxes_made = 0;
  std::optional<Error> next_failure;
  std::set<Uid> unreadable;  // Denied when opened

  void fail_next(Errc code) { next_failure = make_error(code, "as the test wished"); }
  Result<void> call();  // at the beginning of each operation
};

class MemoryMailStore final : public MailStore {
 public:
  explicit MemoryMailStore(std::shared_ptr<World> world);
  Result<std::vector<MailboxName>> list() override;
  Result<std::unique_ptr<Mailbox>> open(std::string_view name) override;
  Result<void> create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> rename(std::string_view from, std::string_view to) override;
  Result<void> subscribe(std::string_view name, bool on) override;

 private:
  std::shared_ptr<World> world_;
};

}  // namespace mail::store::memory
