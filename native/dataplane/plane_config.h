#pragma once

#include <cstdint>
#include <string>

#include "channel/channel_context.h"
#include "dataplane/onion_pool.h"
#include "sched/scheduler_config.h"

namespace kist {

/// What a data plane is made with; names are those of the registry.
struct PlaneConfig {
  uint32_t threads = 1;
  bool manual = false;
  std::string tcpInfoSource = "kernel";
  std::string mux = "ewma";
  std::string policy = "kist";
  SchedulerConfig scheduler;
  TimeNs halflife = 30 * kSecond;
  uint64_t memoryBudget = 256u << 20;
  FlowLimits limits;
  OnionPool::Config onions;
};

/// Counters of one reactor, copied on its thread at one moment.
struct ReactorSnapshot {
  SchedulerStats scheduler;
  std::string policy;
  uint64_t pendingChannels = 0;
  uint64_t channels = 0, circuits = 0, streams = 0, cellsInUse = 0;
  uint64_t turns = 0, sleeps = 0, cpuNs = 0;
  ReactorCounters counters;
};

}  // namespace kist
