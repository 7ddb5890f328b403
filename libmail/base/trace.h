// Trace: how a decision came about. Every decision returns one; --explain prints it, refusals name
// its last rule (DESIGN.md section 7). Recording is cheap: no decision is ever taken twice, once to
// act and once to explain.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace mail {

struct TraceStep {
  std::string rule;    // the parameter, map or file that spoke: "mydestination", "alias_maps"
  std::string origin;  // where it stands: "/etc/aliases:14", or empty
  std::string text;    // what it said: "bin@linuxprobe.com is local", "bin -> root"
};

class Trace {
 public:
  void add(std::string rule, std::string text, std::string origin = {}) {
    steps_.push_back({std::move(rule), std::move(origin), std::move(text)});
  }
  void append(const Trace& other) {
    steps_.insert(steps_.end(), other.steps_.begin(), other.steps_.end());
  }
  [[nodiscard]] const std::vector<TraceStep>& steps() const { return steps_; }

 private:
  std::vector<TraceStep> steps_;
};

}  // namespace mail
