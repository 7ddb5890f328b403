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
  // Durable in the queue from here on, under the id `envelope.id` (a forward's fixed name: Exists,
  // and the directory durable, if it is there), or id() where that is empty. size is filled in, and
  // `arrived` when it is not set.
  virtual Result<QueueId> commit(Envelope envelope) = 0;
};

// A queued message, locked by this process: nobody else attempts it. Its octets are read anew after
// the lock, and its name was still there (delivery-changes.md: lock-parent).
class Item {
 public:
  virtual ~Item() = default;
  [[nodiscard]] virtual const Envelope& envelope() const = 0;
  virtual Result<FileDescriptor> message() = 0;  // as Draft::message(); costs a copy
  // Octets of the message at `offset`; fewer at its end.
  virtual Result<std::string> read_message(std::uint64_t offset, std::size_t length) = 0;
  // What is known from earlier attempts (side file; may be lost with the power).
  [[nodiscard]] virtual WallTime next_try() const = 0;
  [[nodiscard]] virtual unsigned attempts() const = 0;
  // Sets the state of recipients; durable when this returns.
  struct Mark {
    std::size_t recipient = 0;  // index into envelope().recipients
    RecipientState state = RecipientState::Pending;
    EnhancedStatus status;
    std::string reason;
  };
  virtual Result<void> mark(std::span<const Mark> marks) = 0;
  // When to try again what is pending; counts an attempt.
  virtual Result<void> defer(WallTime next_try) = 0;
  // All done (or deleted by the operator): takes it out of the queue. One that came from another
  // message stays as a tombstone, without octets and with nothing pending, while the parent is
  // there (delivery-changes.md: lock-parent).
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
  // For reports, forwards and warnings: may use what queue_minfree keeps free.
  virtual Result<std::unique_ptr<Draft>> create_reserved() = 0;
  virtual Result<std::vector<QueueId>> ids() = 0;  // in no order; cheap
  virtual Result<bool> exists(const QueueId& id) = 0;
  // Makes the names durable that have been seen (scan-sync, exist-sync).
  virtual Result<void> settle() = 0;
  // Removes tombstones whose parents are gone; call settle() before.
  virtual Result<void> remove_tombstones() = 0;
  virtual Result<std::vector<Listing>> list() = 0;                    // by arrival
  virtual Result<std::unique_ptr<Item>> lock(const QueueId& id) = 0;  // InUse, NotFound
  // Tells the runner that something is there (a datagram; no error: the timer finds it too).
  virtual void notify() = 0;
};

}  // namespace mail::queue
