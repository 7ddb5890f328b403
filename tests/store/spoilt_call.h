// Runs a step with one of its system calls spoilt (libmail/base/sys's fault points).
#pragma once

#include <cstddef>
#include <string>

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

}  // namespace mail::store
