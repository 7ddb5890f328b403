#include "libmail/alias/compile.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/table/cdb_file.h"

namespace mail::alias {
namespace {

using Graph = std::map<std::string, const AliasLine*, std::less<>>;

// Local names that an alias leads to, itself left out: `boss: boss, ann` is boss's own mailbox.
std::vector<std::string> list_steps(const AliasLine& alias) {
  std::vector<std::string> names;
  for (const auto& target : alias.targets) {
    if (target.kind != Target::Kind::Address || target.no_expand) continue;
    const auto [local_part, domain] = split_address(target.text);
    if (!domain.empty()) continue;
    auto name = ascii::to_lower(local_part);
    if (name != alias.name) names.push_back(std::move(name));
  }
  return names;
}

// Depth-first search with its own stack: a chain may be as long as the file.
class LoopFinder {
 public:
  LoopFinder(const Graph& graph, std::vector<LineMistake>& mistakes)
      : graph_(graph), mistakes_(mistakes) {}

  void search_from(const AliasLine& start) {
    enter(start);
    while (!stack_.empty()) {
      auto& top = stack_.back();
      if (top.next == top.steps.size()) {
        state_[top.alias->name] = State::Done;
        stack_.pop_back();
        continue;
      }
      const auto next = graph_.find(top.steps[top.next++]);
      if (next == graph_.end()) continue;
      const auto known = state_.find(next->first);
      if (known == state_.end()) {
        enter(*next->second);
      } else if (known->second == State::Open) {
        report(*next->second);
      }
    }
  }

 private:
  enum class State : std::uint8_t { Open, Done };
  struct Frame {
    const AliasLine* alias;
    std::vector<std::string> steps;
    std::size_t next = 0;
  };

  void enter(const AliasLine& alias) {
    if (!state_.try_emplace(alias.name, State::Open).second) return;
    stack_.push_back({&alias, list_steps(alias)});
  }
  void report(const AliasLine& back_to) {
    std::string chain;
    bool inside = false;
    for (const auto& frame : stack_) {
      inside = inside || frame.alias == &back_to;
      if (inside) chain += frame.alias->name + " -> ";
    }
    mistakes_.push_back({back_to.line, "alias loop: " + chain + back_to.name});
  }

  const Graph& graph_;
  std::vector<LineMistake>& mistakes_;
  std::map<std::string, State, std::less<>> state_;
  std::vector<Frame> stack_;
};

}  // namespace

std::string to_string(const std::string& file, const Summary& summary) {
  return file + ": " + std::to_string(summary.aliases) + " aliases, longest " +
         std::to_string(summary.longest) + " bytes, " + std::to_string(summary.total) +
         " bytes total";
}

CheckedAliases check_aliases(std::string_view text) {
  CheckedAliases checked{parse_aliases(text), {}, {}};
  auto& file = checked.file;
  Graph graph;
  for (const auto& alias : file.aliases) graph.try_emplace(alias.name, &alias);
  LoopFinder finder(graph, file.mistakes);
  for (const auto& alias : file.aliases) finder.search_from(alias);
  std::ranges::stable_sort(file.mistakes, {}, &LineMistake::line);
  for (const std::string_view name : {"mailer-daemon", "postmaster"}) {
    if (!graph.contains(name)) {
      checked.warnings.push_back({0, "alias " + std::string(name) + " is missing"});
    }
  }
  for (const auto& alias : file.aliases) {
    ++checked.summary.aliases;
    checked.summary.longest = std::max(checked.summary.longest, alias.written.size());
    checked.summary.total += alias.name.size() + alias.written.size();
  }
  return checked;
}

Result<void> write_map(const std::string& path, const std::vector<AliasLine>& aliases,
                       const std::string& source_state) {
  std::map<std::string, std::string> records;
  for (const auto& alias : aliases) {
    records[alias.name] = alias.written;
    records[std::string(kLineKey) + alias.name] = std::to_string(alias.line);
  }
  records[std::string(kSourceKey)] = source_state;
  return table::write_cdb(path + std::string(table::kCdbSuffix), records);
}

std::string source_state(const std::string& path) {
  const auto status = sys::stat(path);
  if (!status) return {};
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return "1 " + std::to_string(status->st_size) + " " +
         std::to_string(status->st_mtim.tv_sec * kNanoseconds + status->st_mtim.tv_nsec);
}

}  // namespace mail::alias
