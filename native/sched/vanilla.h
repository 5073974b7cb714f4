#pragma once

#include "sched/scheduling_policy.h"

namespace kist {

/// Vanilla, the paper's AMAP: at the end of the turn each pending channel writes as much as its outbuf and
/// transport take, in the order of becoming pending; circuits compete only within their channel. What is then
/// left waits until the channel says that it is writable. For comparison.
class Vanilla final : public SchedulingPolicy {
 public:
  const char* name() const override { return "vanilla"; }
  TimeNs interval(const SchedulerConfig& /*config*/) const override { return 0; }
  bool takesEarlyRuns() const override { return false; }
  void run(SchedulerRun& run) override;
};

}  // namespace kist
