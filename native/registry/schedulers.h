#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "sched/scheduling_policy.h"

namespace kist {

/// A scheduling policy by name. To add one: its files in native/sched/ and one line in the .cc.
struct SchedulerEntry {
  const char* name;
  std::unique_ptr<SchedulingPolicy> (*make)();
};

std::span<const SchedulerEntry> schedulers();
/// Null when there is none of that name.
const SchedulerEntry* findScheduler(std::string_view name);

}  // namespace kist
