// Schedule: which queued messages are due, by destination; what is down and when it is probed (D4,
// S10). Pure: told of messages, results and time, it says which jobs to start. A view that can be
// rebuilt.
//
// A destination that is down is probed over one connection at a time, after probe_first, doubling
// to probe_last; when it answers, all its mail is due at once, whatever its own time to try again.
// A probe takes one message, and those whose own time has come: they note the failure without a
// connection of their own, and age (warnings, end of their lifetime). A message whose last outcome
// is not known (RFC 1047) waits for its own time in any case.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libmail/queue/envelope.h"
#include "libmail/queue/settings.h"
#include "libmail/relay/destination_worker.h"

namespace mail::relay {

struct ScheduleLimits {
  std::size_t workers = 20;         // at once
  std::size_t per_destination = 2;  // connections to one destination
  std::size_t messages_per_job = 50;
  std::size_t local_workers = 4;
};

class Schedule {
 public:
  Schedule(const queue::Settings& settings, ScheduleLimits limits)
      : settings_(settings), limits_(limits) {}

  [[nodiscard]] bool knows(const queue::QueueId& id) const {
    return messages_.find(id) != messages_.end();
  }
  [[nodiscard]] bool is_empty() const { return messages_.empty(); }
  [[nodiscard]] bool is_idle() const { return jobs_running_ == 0; }
  // A message in the queue, with the destinations of its pending recipients.
  void add(const queue::QueueId& id, const std::set<std::string>& destinations, WallTime next_try);
  // Ids that are no longer in the queue.
  void retain(const std::set<queue::QueueId>& present);

  // The next job to start now, if any.
  std::optional<Job> next_job(WallTime now);
  // What the worker that does `job` says.
  void took(const ResultLine& line, const Job& job, WallTime now);
  // A worker ended (or died) with what it had not answered.
  void ended(const Job& job, WallTime now);
  // When next_job() may have something without further news; nothing: only news helps.
  [[nodiscard]] std::optional<WallTime> next_time(WallTime now) const;
  // Everything is due (mailq -q).
  void flush(WallTime now);

 private:
  struct Wait {  // of a message for one destination
    WallTime due{};
    bool is_held = false;  // outcome unknown
    bool is_running = false;
  };
  using Message = std::map<std::string, Wait>;  // by destination
  struct Destination {
    bool is_down = false;
    std::chrono::seconds probe_delay{0};
    WallTime probe_at{};
    std::size_t running = 0;
  };
  [[nodiscard]] bool is_full(const std::string& destination) const;
  // When this message may be tried there, if nothing else stands against it.
  [[nodiscard]] WallTime ready_at(const Message& message, const std::string& destination) const;

  const queue::Settings& settings_;
  ScheduleLimits limits_;
  std::map<queue::QueueId, Message> messages_;
  std::map<std::string, Destination> destinations_;
  std::size_t jobs_running_ = 0;
};

}  // namespace mail::relay
