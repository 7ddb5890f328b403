#include "libmail/queue/memory/memory_queue.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "libmail/base/sys.h"

namespace mail::queue {
namespace {

using Map = std::map<QueueId, MemoryQueue::Stored>;

Result<FileDescriptor> to_descriptor(const std::string& octets) {
  FileDescriptor file(::memfd_create("message", MFD_CLOEXEC));
  if (!file.is_open()) return fail(sys::error_from_errno(errno, "memfd_create", "message"));
  TRY(sys::pwrite_all(file, octets, 0));
  return file;
}

class MemoryDraft final : public Draft {
 public:
  MemoryDraft(std::shared_ptr<Map> stored, std::shared_ptr<std::optional<Error>> failure,
              QueueId id, WallTime now)
      : stored_(std::move(stored)), failure_(std::move(failure)), id_(std::move(id)), now_(now) {}
  [[nodiscard]] const QueueId& id() const override { return id_; }
  Result<void> write(std::string_view octets) override {
    message_ += octets;
    return {};
  }
  [[nodiscard]] std::uint64_t size() const override { return message_.size(); }
  Result<FileDescriptor> message() override { return to_descriptor(message_); }
  Result<QueueId> commit(Envelope envelope) override {
    if (*failure_) return fail(**failure_);
    if (envelope.id.value.empty()) envelope.id = id_;
    if (envelope.arrived == WallTime{}) envelope.arrived = now_;
    envelope.size = message_.size();
    const QueueId id = envelope.id;
    if (!stored_->try_emplace(id, MemoryQueue::Stored{std::move(envelope), message_, {}, 0, false})
             .second) {
      return fail(Errc::Exists, "Already exists");
    }
    return id;
  }

 private:
  std::shared_ptr<Map> stored_;
  std::shared_ptr<std::optional<Error>> failure_;
  QueueId id_;
  WallTime now_;
  std::string message_;
};

class MemoryItem final : public Item {
 public:
  MemoryItem(std::shared_ptr<Map> stored, QueueId id)
      : stored_(std::move(stored)), id_(std::move(id)), copy_(stored_->at(id_)) {
    stored_->at(id_).locked = true;
  }
  ~MemoryItem() override {
    if (const auto found = stored_->find(id_); found != stored_->end())
      found->second.locked = false;
  }
  MemoryItem(const MemoryItem&) = delete;
  MemoryItem& operator=(const MemoryItem&) = delete;

  [[nodiscard]] const Envelope& envelope() const override { return copy_.envelope; }
  Result<FileDescriptor> message() override { return to_descriptor(copy_.message); }
  Result<std::string> read_message(std::uint64_t offset, std::size_t length) override {
    if (offset >= copy_.message.size()) return std::string();
    return copy_.message.substr(static_cast<std::size_t>(offset), length);
  }
  [[nodiscard]] WallTime next_try() const override { return copy_.next_try; }
  [[nodiscard]] unsigned attempts() const override { return copy_.attempts; }
  Result<void> mark(std::span<const Mark> marks) override {
    for (const auto& mark : marks) {
      Recipient& recipient = copy_.envelope.recipients.at(mark.recipient);
      recipient.state = mark.state;
      recipient.status = mark.status;
      recipient.reason = mark.reason;
    }
    return save();
  }
  Result<void> defer(WallTime next_try) override {
    copy_.next_try = next_try;
    ++copy_.attempts;
    return save();
  }
  Result<void> remove() override {
    const auto parent = parent_of(id_);
    if (!parent || !stored_->contains(*parent)) {
      stored_->erase(id_);
      return {};
    }
    for (auto& recipient : copy_.envelope.recipients) {
      if (recipient.state != RecipientState::Pending) continue;
      recipient.state = RecipientState::Failed;
      recipient.reason = "deleted";
    }
    copy_.message.clear();
    return save();
  }

 private:
  Result<void> save() {
    if (!stored_->contains(id_)) return fail(Errc::NotFound, "No such message");
    stored_->at(id_) = copy_;
    stored_->at(id_).locked = true;
    return {};
  }

  std::shared_ptr<Map> stored_;
  QueueId id_;
  MemoryQueue::Stored copy_;
};

}  // namespace

Result<std::unique_ptr<Draft>> MemoryQueue::create() {
  if (fail_create_) return fail(*fail_create_);
  return create_reserved();
}

Result<std::unique_ptr<Draft>> MemoryQueue::create_reserved() {
  const WallTime now = clock_.now();
  return std::make_unique<MemoryDraft>(stored_, fail_commit_, ids_.next(now), now);
}

Result<std::vector<Listing>> MemoryQueue::list() {
  std::vector<Listing> listings;
  for (const auto& [id, stored] : *stored_) {
    if (stored.envelope.has_pending()) {
      listings.push_back({stored.envelope, stored.next_try, stored.locked});
    }
  }
  std::sort(listings.begin(), listings.end(), [](const Listing& a, const Listing& b) {
    return std::tie(a.envelope.arrived, a.envelope.id) <
           std::tie(b.envelope.arrived, b.envelope.id);
  });
  return listings;
}

Result<std::unique_ptr<Item>> MemoryQueue::lock(const QueueId& id) {
  const auto found = stored_->find(id);
  if (found == stored_->end()) return fail(Errc::NotFound, "No such message");
  if (found->second.locked) return fail(Errc::InUse, "In use");
  return std::make_unique<MemoryItem>(stored_, id);
}

Result<std::vector<QueueId>> MemoryQueue::ids() {
  std::vector<QueueId> all;
  for (const auto& [id, stored] : *stored_) all.push_back(id);
  return all;
}

Result<bool> MemoryQueue::exists(const QueueId& id) { return stored_->contains(id); }

Result<void> MemoryQueue::settle() { return {}; }

Result<void> MemoryQueue::remove_tombstones() {
  std::erase_if(*stored_, [this](const auto& entry) {
    const auto parent = parent_of(entry.first);
    return parent && !stored_->contains(*parent) && !entry.second.locked &&
           !entry.second.envelope.has_pending();
  });
  return {};
}

}  // namespace mail::queue
