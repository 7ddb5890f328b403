#include "libmail/base/faults.h"

#ifdef TUBEPOST_FAULTS

#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "libmail/base/ascii.h"

namespace mail::faults {
namespace {

struct Entry {
  std::string call;
  std::size_t number = 0;
  bool and_later = false;
  Decision decision;
};

// The plan is the one mutable global of libmail: it exists in test builds only.
struct State {
  std::vector<Entry> entries;
  std::map<std::string, std::size_t, std::less<>> counts;
  std::size_t total = 0;
  bool throwing = false;
  std::function<void(std::string_view call)> observer;
};

bool parse(std::string_view plan, State& state);

State& state() {
  static State the_state = [] {
    State initial;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): our programs have one thread.
    if (const char* plan = std::getenv("TUBEPOST_FAULT"); plan != nullptr) parse(plan, initial);
    return initial;
  }();
  return the_state;
}

bool parse_action(std::string_view word, Decision& decision) {
  struct Name {
    std::string_view name;
    int value;
  };
  constexpr Name kErrnos[] = {{"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EIO", EIO},
                              {"EACCES", EACCES}, {"EMFILE", EMFILE}, {"EINTR", EINTR},
                              {"EAGAIN", EAGAIN}, {"EROFS", EROFS},   {"ENOENT", ENOENT}};
  if (word == "short") return decision.action = Action::Short, true;
  if (word == "kill") return decision.action = Action::Kill, true;
  if (word == "torn") return decision.action = Action::Torn, true;
  if (word == "after") return decision.action = Action::After, true;
  for (const auto& [name, value] : kErrnos) {
    if (word == name) {
      decision = {Action::Errno, value};
      return true;
    }
  }
  return false;
}

bool parse(std::string_view plan, State& state) {
  for (const auto piece : ascii::words(plan, ", ")) {
    const auto parts = ascii::split(piece, ':');
    if (parts.size() != 3) return false;
    Entry entry;
    entry.call = parts.at(0);
    auto number = parts.at(1);
    entry.and_later = number.ends_with('+');
    if (entry.and_later) number.remove_suffix(1);
    const auto value = ascii::to_number<std::size_t>(number);
    if (!value || !parse_action(parts.at(2), entry.decision)) return false;
    entry.number = *value;
    state.entries.push_back(entry);
  }
  return true;
}

}  // namespace

Decision point(std::string_view call) {
  State& now = state();
  if (now.observer) now.observer(call);
  if (now.entries.empty()) {
    ++now.total;
    return {};
  }
  auto found = now.counts.find(call);
  if (found == now.counts.end()) found = now.counts.emplace(call, 0).first;
  const std::size_t nth = ++found->second;
  const std::size_t nth_of_all = ++now.total;
  for (const auto& entry : now.entries) {
    if (entry.call != "*" && entry.call != call) continue;
    const std::size_t count = entry.call == "*" ? nth_of_all : nth;
    if (count != entry.number && !(entry.and_later && count > entry.number)) continue;
    if (entry.decision.action == Action::Kill) kill_now();
    return entry.decision;
  }
  return {};
}

void after(const Decision& decision) {
  if (decision.action == Action::After) kill_now();
}

void kill_now() {
  if (state().throwing) throw Killed{};
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

bool arm(std::string_view plan) {
  State& now = state();
  now.entries.clear();
  now.counts.clear();
  now.total = 0;
  return parse(plan, now);
}

std::size_t calls_seen() { return state().total; }

std::size_t calls_seen(std::string_view call) {
  const auto found = state().counts.find(call);
  return found == state().counts.end() ? 0 : found->second;
}

void kill_by_throwing(bool on) { state().throwing = on; }

void observe(std::function<void(std::string_view call)> observer) {
  state().observer = std::move(observer);
}

}  // namespace mail::faults

#endif
