// Runs a step with one of its system calls spoilt, or counts them (libmail/base/sys's fault
// points).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "libmail/base/faults.h"

namespace mail::store {

// Runs `step` with the nth call spoilt; false when there was no such call.
template <class Step>
bool run(const std::string& action, std::size_t nth, Step step) {
  faults::arm("*:" + std::to_string(nth) + ":" + action);
  try {
    step();
  } catch (const faults::Killed&) {
  }
  const bool reached = faults::calls_seen() >= nth;
  faults::arm("");
  return reached;
}

// How often `work` makes that call, by the fault point's name.
inline std::size_t calls(std::string_view call, const std::function<void()>& work) {
  constexpr auto kPoints =
      std::to_array<std::string_view>({"open", "read", "write", "truncate", "fsync", "rename",
                                       "link", "unlink", "stat", "opendir", "getdents"});
  EXPECT_NE(std::find(kPoints.begin(), kPoints.end(), call), kPoints.end()) << "no such: " << call;
  faults::arm("never:1:EIO");
  work();
  const auto count = faults::calls_seen(call);
  faults::arm("");
  return count;
}

}  // namespace mail::store
