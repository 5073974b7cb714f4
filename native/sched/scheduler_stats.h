#pragma once

#include <cstdint>

#include "base/histogram.h"

namespace kist {

enum class RunKind : uint8_t { kTimed, kDrain, kLight, kFull };

/// Counters of one reactor's scheduler; copied out as a snapshot.
struct SchedulerStats {
  uint64_t timedRuns = 0, drainRuns = 0, lightRuns = 0, fullRuns = 0;
  uint64_t tcpInfoCalls = 0, tcpInfoErrors = 0;
  uint64_t fallbacks = 0;     ///< Limits that KIST took from the outbuf for want of kernel figures.
  uint64_t limitsAtZero = 0;  ///< Limits that left no room for a cell.
  uint64_t drainWatches = 0, lowatCalls = 0;
  uint64_t cellsWritten = 0;  ///< Without DESTROY cells.
  uint64_t destroysWritten = 0;
  uint64_t bytesWritten = 0;  ///< Wire bytes of both.
  uint64_t runsCutShort = 0;  ///< Runs ended by maxRun with work left.
  Histogram runNs, pendingPerRun, queueDelayNs;
};

}  // namespace kist
