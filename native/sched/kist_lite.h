#pragma once

#include "sched/batch_policy.h"

namespace kist {

/// KISTLite: KIST's timing and order, with a limit from the room left in the outbuf. For systems without
/// TCP_INFO, and to tell apart what timing and what the kernel's figures contribute.
class KistLite final : public BatchPolicy {
 public:
  const char* name() const override { return "kist-lite"; }

 protected:
  void refreshLimit(SchedulerRun& run, SchedulableChannel& channel) override { limitByOutbuf(run, channel); }
};

}  // namespace kist
