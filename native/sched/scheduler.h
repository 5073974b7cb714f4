#pragma once

#include <cstdint>
#include <memory>

#include "base/histogram.h"
#include "base/status.h"
#include "circuit/circuit_mux.h"
#include "sched/pending_heap.h"
#include "sched/schedulable_channel.h"
#include "sched/scheduler_config.h"

namespace kist {

class SchedulingPolicy;

enum class RunKind : uint8_t { kTimed, kDrain, kLight };

/// Counters of one reactor's scheduler; copied out as a snapshot.
struct SchedulerStats {
  uint64_t timedRuns = 0, drainRuns = 0, lightRuns = 0;
  uint64_t tcpInfoCalls = 0, tcpInfoErrors = 0, fallbacks = 0;
  uint64_t limitsAtZero = 0;       ///< Limits that left no room for a cell.
  uint64_t drainWatches = 0, lowatCalls = 0;
  uint64_t cellsWritten = 0, destroysWritten = 0, bytesWritten = 0;
  uint64_t runsCutShort = 0;       ///< Runs ended by maxRun with work left.
  Histogram runNs, pendingPerRun, queueDelayNs;
};

/// Decides which channel writes next and how much, over all channels of one reactor. Core of all policies: the four
/// channel states, the pending heap (best circuit first, re-sifted on every change of a pending channel's best circuit),
/// the wake-up time, counters. The policy (`kist`, `kist-lite`, `vanilla`) does what happens inside a run.
///
/// Called by: channels and switch (cells queued, writable, drained, closing), the reactor (run() when nextWake() is
/// due). Knows clock, TCP_INFO source and channels as interfaces only, so kernel, mock and simulator run the same code.
/// Never frees a channel, never calls the control plane.
class Scheduler {
 public:
  Scheduler(const Clock& clock, PriorityBase& base, TcpInfoSource& source, SchedulerConfig config,
            std::unique_ptr<SchedulingPolicy> policy);
  ~Scheduler();

  /// A circuit of `channel` became active, or its DESTROY queue or best circuit changed: re-sifts a pending channel,
  /// makes a writable one pending, and asks for a light run where the rule allows. `newlyActive` may be null.
  void onCells(SchedulableChannel& channel, const CircuitQueue* newlyActive);
  /// The channel may write (it opened, or its outbuf fell under the low-water mark).
  void onWritable(SchedulableChannel& channel);
  /// The channel may not write any more (leaving the open state).
  void onNotWritable(SchedulableChannel& channel);
  /// The wake asked for by watchDrained().
  void onDrained(SchedulableChannel& channel);
  /// Forgets the channel, in any state, any number of times, also inside a run.
  void release(SchedulableChannel& channel);

  /// Time at which run() should next be called; kNever when nothing is pending.
  TimeNs nextWake() const;
  /// Does the run that is due at the clock's now, if one is.
  void run();

  /// Policy and figures can change while running; pending channels stay pending.
  void setPolicy(std::unique_ptr<SchedulingPolicy> policy);
  void setConfig(const SchedulerConfig& config);
  const SchedulerConfig& config() const { return config_; }
  const SchedulingPolicy& policy() const { return *policy_; }
  const SchedulerStats& stats() const { return stats_; }
  size_t pendingChannels() const { return pending_.size(); }
  /// Waiting time of a cell in its circuit queue, noted by the channel as it flushes.
  void noteQueueDelay(TimeNs delay) { stats_.queueDelayNs.add(delay < 0 ? 0 : static_cast<uint64_t>(delay)); }

 private:
  friend class SchedulingPolicy;
  // The implementer adds what the core needs: run bookkeeping, lightest circuits of the last run, wake times.
};

}  // namespace kist
