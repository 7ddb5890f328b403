#include "libmail/relay/schedule.h"

#include <algorithm>

namespace mail::relay {
namespace {

// A worker locks a message only while it sends it, so that another destination's would find it in
// use: that one waits for the first one's answer, but not for ever (a long job).
constexpr auto kPatience = std::chrono::seconds(5);

}  // namespace

bool Schedule::is_full(const std::string& destination) const {
  const Destination& state = destinations_.at(destination);
  if (state.is_down) return state.running >= 1;
  return state.running >=
         (destination == kLocalDestination ? limits_.local_workers : limits_.per_destination);
}

WallTime Schedule::ready_at(const Message& message, const std::string& destination) const {
  const Destination& state = destinations_.at(destination);
  const Wait& wait = message.at(destination);
  WallTime time = wait.due;
  if (state.is_down) time = wait.is_held ? std::max(wait.due, state.probe_at) : state.probe_at;
  const bool is_elsewhere = std::any_of(message.begin(), message.end(),
                                        [](const auto& one) { return one.second.is_running; });
  return is_elsewhere ? time + kPatience : time;
}

void Schedule::add(const queue::QueueId& id, const std::set<std::string>& destinations,
                   WallTime next_try) {
  Message& message = messages_[id];
  for (const auto& destination : destinations) {
    message.try_emplace(destination, Wait{next_try});
    destinations_.try_emplace(destination);
  }
}

void Schedule::retain(const std::set<queue::QueueId>& present) {
  std::set<std::string> used;
  std::erase_if(messages_, [&](const auto& one) {
    const auto& [id, message] = one;
    const bool is_running = std::any_of(message.begin(), message.end(),
                                        [](const auto& wait) { return wait.second.is_running; });
    if (!is_running && present.find(id) == present.end()) return true;
    for (const auto& [destination, wait] : message) used.insert(destination);
    return false;
  });
  std::erase_if(destinations_, [&](const auto& one) {
    return one.second.running == 0 && used.find(one.first) == used.end();
  });
}

std::optional<Job> Schedule::next_job(WallTime now) {
  if (jobs_running_ >= limits_.workers) return std::nullopt;
  std::map<std::string, std::vector<queue::QueueId>> ready;
  std::map<std::string, queue::QueueId> probes;  // where nothing's own time has come
  for (const auto& [id, message] : messages_) {
    for (const auto& [destination, wait] : message) {
      if (wait.is_running || is_full(destination) || ready_at(message, destination) > now) continue;
      if (wait.due > now) {  // a destination that is down
        probes.try_emplace(destination, id);
        continue;
      }
      auto& list = ready[destination];
      if (list.size() < limits_.messages_per_job) list.push_back(id);
    }
  }
  for (const auto& [destination, id] : probes) ready.try_emplace(destination, 1, id);
  if (ready.empty()) return std::nullopt;
  // The destination with the fewest connections goes first, so that a large one cannot starve
  // others.
  const auto chosen =
      std::min_element(ready.begin(), ready.end(), [this](const auto& a, const auto& b) {
        return destinations_.at(a.first).running < destinations_.at(b.first).running;
      });
  Job job{chosen->first, std::move(chosen->second)};
  for (const auto& id : job.ids) messages_.at(id).at(job.destination).is_running = true;
  ++destinations_.at(job.destination).running;
  ++jobs_running_;
  return job;
}

void Schedule::took(const ResultLine& line, const Job& job, WallTime now) {
  Destination& state = destinations_.at(job.destination);
  switch (line.kind) {
    case ResultLine::Kind::Removed:
    case ResultLine::Kind::Gone:
      messages_.erase({line.subject});
      break;
    case ResultLine::Kind::Done:
    case ResultLine::Kind::Pending: {
      const auto message = messages_.find({line.subject});
      if (message == messages_.end()) break;
      if (line.kind == ResultLine::Kind::Pending) {
        message->second[job.destination] = {line.next_try, line.is_unknown, false};
      } else if (message->second.erase(job.destination); message->second.empty()) {
        messages_.erase(message);
      }
      break;
    }
    case ResultLine::Kind::Up:
      if (state.is_down) {
        // It answers again: all that waits for it is due now, but for what it has just been given.
        for (auto& [id, message] : messages_) {
          const auto wait = message.find(job.destination);
          if (wait == message.end() || wait->second.is_held) continue;
          if (std::find(job.ids.begin(), job.ids.end(), id) != job.ids.end()) continue;
          wait->second.due = std::min(wait->second.due, now);
        }
      }
      state.is_down = false;
      state.probe_delay = std::chrono::seconds{0};
      break;
    case ResultLine::Kind::Down:
      // A second connection that broke at the same time tells nothing new.
      if (state.is_down && now < state.probe_at) break;
      state.probe_delay = state.is_down ? std::min(state.probe_delay * 2, settings_.probe_last)
                                        : settings_.probe_first;
      state.is_down = true;
      state.probe_at = now + state.probe_delay;
      break;
  }
}

void Schedule::ended(const Job& job, WallTime now) {
  --jobs_running_;
  --destinations_.at(job.destination).running;
  for (const auto& id : job.ids) {
    const auto message = messages_.find(id);
    if (message == messages_.end()) continue;
    const auto wait = message->second.find(job.destination);
    if (wait == message->second.end() || !wait->second.is_running) continue;
    // Not answered: the worker died. A little later it is tried again.
    wait->second.is_running = false;
    wait->second.due = now + settings_.probe_first;
  }
}

std::optional<WallTime> Schedule::next_time(WallTime now) const {
  std::optional<WallTime> next;
  if (jobs_running_ >= limits_.workers) return next;
  for (const auto& [id, message] : messages_) {
    for (const auto& [destination, wait] : message) {
      if (wait.is_running || is_full(destination)) continue;
      const WallTime time = std::max(ready_at(message, destination), now);
      if (!next || time < *next) next = time;
    }
  }
  return next;
}

void Schedule::flush(WallTime now) {
  for (auto& [id, message] : messages_) {
    for (auto& [destination, wait] : message) {
      wait.due = now;
      wait.is_held = false;
    }
  }
  for (auto& [name, state] : destinations_) state.probe_at = now;
}

}  // namespace mail::relay
