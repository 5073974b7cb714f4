#pragma once

#include "sched/scheduler_run.h"
#include "sched/scheduling_policy.h"

namespace kist {

/// The run that `kist` and `kist-lite` share; they differ in where a channel's limit comes from.
///  1. The limit of every pending channel is refreshed. Those with room for a cell form a heap, best circuit
///  first.
///  2. Again and again the best channel moves a run of cells: as many as go before any other circuit's,
///  within its limit.
///     It leaves the heap when it has no cells or no room.
///  3. The outbufs are written in the order of first service, in few large writes.
///  4. Channels left with cells and without room are watched or parked (drain_wake.h).
/// Channels that become pending meanwhile wait for the next run: their limits are not known.
class BatchPolicy : public SchedulingPolicy {
 public:
  TimeNs interval(const SchedulerConfig& config) const override { return config.interval; }
  bool takesEarlyRuns() const override { return true; }
  void run(SchedulerRun& run) override;

 protected:
  /// Sets slot.limit, .share, .reserve, .tcpSpace and .info anew.
  virtual void refreshLimit(SchedulerRun& run, SchedulableChannel& channel) = 0;
  static void limitByOutbuf(SchedulerRun& run, SchedulableChannel& channel);

 private:
  void refreshAll(SchedulerRun& run);
  static void serve(SchedulerRun& run, SchedulableChannel& channel);
};

}  // namespace kist
