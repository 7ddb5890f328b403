// Queue: accepted mail that is not delivered yet. Implementations: queue/directory (one file per
// message, durable), queue/memory (the twin for tests).
//
// What is promised: when Draft::commit() has returned, the message survives power loss; a message
// is removed only when no recipient is pending. Marks of one pass share one fdatasync.
//
// Errors: NoSpace (also below queue_minfree; 4.3.1), Denied, Io. NotFound: the id is gone.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/queue/envelope.h"

namespace mail::queue {

// A message being received. Nothing of it exists in the queue until commit(); the destructor drops
// it.
class Draft {
 public:
  virtual ~Draft() = default;
  [[nodiscard]] virtual const QueueId& id() const = 0;
  virtual Result<void> write(std::string_view octets) = 0;  // message octets, LF line ends
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // The message so far, for reading (checks; hand over to deliver): a descriptor whose octets begin
  // at offset 0 and are only the message.
  virtual Result<FileDescriptor> message() = 0;
  // Durable in the queue from here on. `envelope.id` is set to id(). With `name` not empty the file
  // gets that id instead (a forward's fixed name): Exists if it is there.
  virtual Result<QueueId> commit(Envelope envelope) = 0;
};

// A queued message, locked by this process: nobody else attempts it. Its octets are read anew after
// the lock, and its name was still there (delivery-changes.md: lock-parent).
class Item {
 public:
  virtual ~Item() = default;
  [[nodiscard]] virtual const Envelope& envelope() const = 0;
  virtual Result<FileDescriptor> message() = 0;  // as Draft::message()
  // Sets the state of recipients; durable when this returns.
  struct Mark {
    std::size_t recipient = 0;  // index into envelope().recipients
    RecipientState state = RecipientState::Pending;
    EnhancedStatus status;
    std::string reason;
  };
  virtual Result<void> mark(std::span<const Mark> marks) = 0;
  // When to try again what is pending.
  virtual Result<void> defer(WallTime next_try) = 0;
  // All done: takes it out of the queue.
  virtual Result<void> remove() = 0;
};

struct Listing {
  Envelope envelope;
  WallTime next_try{};
  bool active = false;  // locked by a delivery at this moment
};

class Queue {
 public:
  virtual ~Queue() = default;
  virtual Result<std::unique_ptr<Draft>> create() = 0;
  virtual Result<std::vector<Listing>> list() = 0;                    // by arrival
  virtual Result<std::unique_ptr<Item>> lock(const QueueId& id) = 0;  // InUse, NotFound
  // Tells the runner that something is there (a datagram; no error: the timer finds it too).
  virtual void notify() = 0;
};

}  // namespace mail::queue
