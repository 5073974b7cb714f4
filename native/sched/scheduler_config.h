#pragma once

#include <cstdint>

#include "base/clock.h"
#include "sched/write_limit.h"

namespace kist {

/// What an operator can set, all of it while running. The control plane checks ranges and warns; here an
/// interval or a run length that is not positive falls back to its default.
struct SchedulerConfig {
  static constexpr TimeNs kDefaultInterval = 10 * kMillisecond;
  static constexpr TimeNs kDefaultMaxRun = 5 * kMillisecond;

  TimeNs interval = kDefaultInterval;  ///< From the start of one timed run to the start of the next.
  TimeNs minRunGap = kMillisecond;     ///< From the end of any run to an early run.
  TimeNs maxRun = kDefaultMaxRun;      ///< A run that takes longer stops and goes on in the next turn.
  double sockBufSizeFactor = 1;        ///< Windows of reserve that KIST lets into the kernel.
  bool drainWake = true;               ///< Early runs when a kernel buffer drained.
  bool lightWake = true;               ///< Early runs when a light circuit becomes active.
  bool fullWake = true;                ///< Early runs when a queue is full though its channel has room.
  bool pacingCap = false;              ///< Cap tcpSpace at pacing rate times interval.
  bool parking = true;                 ///< Leave channels whose limit is 0 alone for a while.
  uint64_t outbufHigh = kOutbufHigh;   ///< Outbuf high-water mark, bytes.
};

}  // namespace kist
