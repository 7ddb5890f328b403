// drop/: how an ordinary user's program hands a message to the queue with nothing listening and no
// rights (DESIGN.md section 3). The directory is mode 3733 of the queue's account: anybody may make
// a file in it, nobody else may list it; the file's owner is the sender's identity.
//
// A file there is envelope text and message as in a queue file. The runner believes of it only
// reverse-path, recipient addresses, smtputf8 and 8bitmime: kinds, targets and accounts are worked
// out anew by the runner's own alias expansion.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "libmail/base/clock.h"
#include "libmail/queue/queue.h"
#include "libmail/queue/settings.h"

namespace mail::queue {

// The writer. Used as a Draft: write(), then commit(). Nothing is there before commit(), and it is
// durable after.
class Drop {
 public:
  Drop(const Settings& settings, const Clock& clock);
  // NotFound, Denied: no drop directory, or not for us.
  Result<void> open();
  [[nodiscard]] const QueueId& id() const { return id_; }
  Result<void> write(std::string_view octets);
  Result<QueueId> commit(Envelope envelope);  // id, size and arrived are filled in
  ~Drop();
  Drop(const Drop&) = delete;
  Drop& operator=(const Drop&) = delete;

 private:
  std::string directory_;
  QueueId id_;
  WallTime now_;
  std::string body_path_;  // the message until commit(), without a name once opened
  FileDescriptor body_;
  std::uint64_t size_ = 0;
};

// The runner's side.
struct Ingestion {
  // Recipients of one address after today's alias expansion, or why it cannot be delivered.
  std::function<Result<std::vector<Recipient>>(const std::string& address,
                                               const std::string& reverse_path)>
      expand;
  // Received field put before the message ("Received: by ..., from uid 1000"), with line ends.
  std::function<std::string(const Envelope& envelope, uid_t owner)> trace;
};
// Takes in what lies in drop/. A file that is not a regular one with one link, or cannot be read,
// is moved to damaged/. The queue file's name comes from the file's inode and birth, so that a
// crash in between doubles nothing. Number of messages taken.
Result<std::size_t> ingest_drop(Queue& queue, const Settings& settings, const Ingestion& ingestion);

}  // namespace mail::queue
