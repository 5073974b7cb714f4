#pragma once

#include "sched/scheduler_config.h"

namespace kist {

class SchedulerRun;

/// What happens inside a run, and when runs are timed: `kist`, `kist-lite`, `vanilla`. Called by Scheduler
/// only, which keeps the states, the pending channels and the wake-up time. A policy keeps nothing between
/// runs but what it writes into the channels' slots, so it can be replaced between any two runs.
///
/// To add one: native/sched/<name>.{h,cc} with a class derived from this one (or from BatchPolicy, when only
/// the limit differs) and a line in native/registry/schedulers.cc; the compliance suite then tests it
/// unasked. A run must, for every channel of the run that is still pending, either move its cells
/// (SchedulerRun::flush), or leave it pending, or take it out by SchedulerRun::leave; and write the outbufs
/// it filled. It must end.
class SchedulingPolicy {
 public:
  virtual ~SchedulingPolicy() = default;
  virtual const char* name() const = 0;
  /// From the start of one timed run to the next; 0: at once, whenever a channel is pending.
  virtual TimeNs interval(const SchedulerConfig& config) const = 0;
  /// Whether drain and light wakes lead to early runs.
  virtual bool takesEarlyRuns() const = 0;
  virtual void run(SchedulerRun& run) = 0;
};

}  // namespace kist
