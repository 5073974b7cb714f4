#pragma once

#include <cstdint>

namespace kist {

/// Nanoseconds on a monotonic clock, or a duration in nanoseconds.
using TimeNs = int64_t;

constexpr TimeNs kMicrosecond = 1'000;
constexpr TimeNs kMillisecond = 1'000'000;
constexpr TimeNs kSecond = 1'000'000'000;
/// "No such time": later than every deadline.
constexpr TimeNs kNever = INT64_MAX;

/// Time is passed in: nothing in the core reads the system clock but SystemClock.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimeNs now() const = 0;
};

/// CLOCK_MONOTONIC.
class SystemClock final : public Clock {
 public:
  TimeNs now() const override;
};

/// CPU time of the calling thread.
TimeNs threadCpuTime();

}  // namespace kist
