#pragma once

#include "sched/batch_policy.h"

namespace kist {

/// KIST, kernel-informed socket transport ("Tor's Been KIST", section 3): every interval ask the kernel how
/// much each pending channel's socket would send soon, then let the best circuits of all channels write that
/// much and no more, so that cells wait where they can still be reordered. The limit is kistLimit() of
/// write_limit.h. When the kernel gives no figures the outbuf's room stands in: for that run after an error,
/// for good where they are not supported.
///
/// Differs from C tor's: early runs serve a drained channel or a newly active light circuit before the
/// interval is over; all circuits are compared on one time base, and anew when one becomes active; cells move
/// in runs, in the same order as one by one; all that a run releases is written by that run; a cell costs
/// what its transport says, not a constant; a channel without room is left alone until something can have
/// changed; a run is bounded in time; one system call per pending channel instead of two; all figures are
/// signed 64 bit and saturate.
class Kist final : public BatchPolicy {
 public:
  const char* name() const override { return "kist"; }

 protected:
  void refreshLimit(SchedulerRun& run, SchedulableChannel& channel) override;
};

}  // namespace kist
