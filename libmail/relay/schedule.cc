#include "libmail/relay/schedule.h"

#include <algorithm>

namespace mail::relay {

std::size_t Schedule::limit_of(const std::string& destination) const {
  return destination == kLocalDestination ? limits_.local_workers : limits_.per_destination;
}

void Schedule::add(const queue::QueueId& id, const std::set<std::string>& destinations,
                   WallTime next_try) {
  Message& message = messages_[id];
  for (const auto& destination : destinations) {
    message.due.emplace(destination, next_try);
    destinations_.try_emplace(destination);
  }
}

void Schedule::retain(const std::set<queue::QueueId>& present) {
  for (auto one = messages_.begin(); one != messages_.end();) {
    const bool gone = present.find(one->first) == present.end() && one->second.running.empty();
    one = gone ? messages_.erase(one) : std::next(one);
  }
}

std::optional<Job> Schedule::next_job(WallTime now) {
  if (jobs_running_ >= limits_.workers) return std::nullopt;
  std::map<std::string, std::vector<queue::QueueId>> due;
  for (auto& [id, message] : messages_) {
    for (const auto& [destination, time] : message.due) {
      if (message.running.find(destination) != message.running.end()) continue;
      const Destination& state = destinations_.at(destination);
      if (state.running >= (state.is_down ? 1 : limit_of(destination))) continue;
      const bool is_due = state.is_down ? state.probe_at <= now : time <= now;
      if (!is_due) continue;
      auto& list = due[destination];
      if (list.size() < (state.is_down ? 1 : limits_.messages_per_job)) list.push_back(id);
    }
  }
  if (due.empty()) return std::nullopt;
  // The destination with the fewest connections goes first, so that a large one cannot starve
  // others.
  const auto chosen =
      std::min_element(due.begin(), due.end(), [this](const auto& a, const auto& b) {
        return destinations_.at(a.first).running < destinations_.at(b.first).running;
      });
  Job job{chosen->first, std::move(chosen->second)};
  for (const auto& id : job.ids) messages_.at(id).running.insert(job.destination);
  ++destinations_.at(job.destination).running;
  ++jobs_running_;
  return job;
}

void Schedule::took(const ResultLine& line, WallTime now) {
  switch (line.kind) {
    case ResultLine::Kind::Removed:
    case ResultLine::Kind::Gone:
      messages_.erase({line.subject});
      break;
    case ResultLine::Kind::Pending:
      if (const auto found = messages_.find({line.subject}); found != messages_.end()) {
        for (const auto& destination : found->second.running)
          found->second.due[destination] = line.next_try;
      }
      break;
    case ResultLine::Kind::Up: {
      Destination& state = destinations_[line.subject];
      if (state.is_down) {
        // It answers again: all that waits for it is due now.
        for (auto& [id, message] : messages_) {
          if (const auto due = message.due.find(line.subject); due != message.due.end())
            due->second = now;
        }
      }
      state.is_down = false;
      state.probe_delay = std::chrono::seconds{0};
      break;
    }
    case ResultLine::Kind::Down: {
      Destination& state = destinations_[line.subject];
      state.probe_delay = state.is_down ? std::min(state.probe_delay * 2, settings_.probe_last)
                                        : settings_.probe_first;
      state.is_down = true;
      state.probe_at = now + state.probe_delay;
      break;
    }
  }
}

void Schedule::ended(const Job& job, WallTime now) {
  --jobs_running_;
  --destinations_.at(job.destination).running;
  for (const auto& id : job.ids) {
    const auto found = messages_.find(id);
    if (found == messages_.end()) continue;
    // Not answered: the worker died. A little later it is tried again.
    auto& due = found->second.due[job.destination];
    if (found->second.running.erase(job.destination) != 0 && due <= now) {
      due = now + settings_.probe_first;
    }
  }
}

std::optional<WallTime> Schedule::next_time(WallTime now) const {
  std::optional<WallTime> next;
  for (const auto& [id, message] : messages_) {
    for (const auto& [destination, due] : message.due) {
      if (message.running.find(destination) != message.running.end()) continue;
      const Destination& state = destinations_.at(destination);
      const WallTime time = std::max(state.is_down ? state.probe_at : due, now);
      if (!next || time < *next) next = time;
    }
  }
  return next;
}

void Schedule::flush(WallTime now) {
  for (auto& [id, message] : messages_) {
    for (auto& [destination, due] : message.due) due = now;
  }
  for (auto& [name, state] : destinations_) state.probe_at = now;
}

}  // namespace mail::relay
