#pragma once

#include "base/bytes.h"
#include "base/chunk_buffer.h"
#include "base/counters.h"
#include "cell/cell_pool.h"
#include "circuit/flow_limits.h"
#include "loop/event_loop.h"
#include "sched/scheduler.h"

namespace kist {

/// What every channel of a reactor shares.
struct ChannelContext {
  EventLoop& loop;
  CellPool& cells;
  ChunkPool& chunks;
  Scheduler& scheduler;
  ReactorCounters& counters;
  FlowLimits& limits;
  MutableByteSpan scratch;  ///< Read buffer, used by one channel at a time.
};

}  // namespace kist
