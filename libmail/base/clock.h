// Time is an input. Sessions, queue and store take a Clock so that tests are exact.
#pragma once

#include <chrono>

namespace mail {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;  // since 1970, UTC
using MonotonicTime = std::chrono::steady_clock::time_point;        // for deadlines

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime now() const = 0;
  [[nodiscard]] virtual MonotonicTime monotonic() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return std::chrono::steady_clock::now();
  }
};

// Its twin for tests: stands still until told.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime{std::chrono::seconds{1'500'000'000}})
      : now_(start) {}
  [[nodiscard]] WallTime now() const override { return now_; }
  [[nodiscard]] MonotonicTime monotonic() const override { return monotonic_; }
  void advance(std::chrono::microseconds by) {
    now_ += by;
    monotonic_ += by;
  }
  void step_wall_clock(std::chrono::microseconds by) { now_ += by; }  // as ntpd may

 private:
  WallTime now_;
  MonotonicTime monotonic_{};
};

}  // namespace mail
