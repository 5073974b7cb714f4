#pragma once

#include <algorithm>
#include <cstddef>

#include "base/bytes.h"
#include "base/chunk_buffer.h"
#include "base/counters.h"
#include "cell/cell_pool.h"
#include "circuit/flow_limits.h"
#include "loop/event_loop.h"
#include "sched/scheduler.h"

namespace kist {

/// Bounds what all channels together read in one turn, so that cells are still in the processor's caches when
/// they are written: a channel alone reads much at once, one of many a little. What other reactors sent
/// counts, so that a reactor that is behind with their cells lets its own channels wait instead of theirs.
struct TurnReading {
  static constexpr size_t kTogether = 512 * 1024;
  static constexpr size_t kMost = 256 * 1024;
  static constexpr size_t kLeast = 32 * 1024;

  size_t perChannel = kMost;
  size_t readers = 0;  ///< Channels that read in this turn.

  /// Shares the next turn out among as many channels as read in this one; `crossed`: bytes taken from rings.
  void finishTurn(size_t crossed) {
    const size_t together = kTogether - std::min(crossed, kTogether / 4 * 3);
    if (readers > 0) perChannel = std::clamp(together / readers, kLeast, kMost);
    readers = 0;
  }
};

/// What every channel of a reactor shares.
struct ChannelContext {
  EventLoop& loop;
  CellPool& cells;
  ChunkPool& chunks;
  Scheduler& scheduler;
  ReactorCounters& counters;
  FlowLimits& limits;
  MutableByteSpan scratch;  ///< Read buffer, used by one channel at a time.
  TurnReading reading{};
};

}  // namespace kist
