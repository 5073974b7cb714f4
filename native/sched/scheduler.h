#pragma once

#include <cstdint>
#include <memory>

#include "circuit/circuit_mux.h"
#include "sched/pending_heap.h"
#include "sched/pending_list.h"
#include "sched/schedulable_channel.h"
#include "sched/scheduler_config.h"
#include "sched/scheduler_run.h"
#include "sched/scheduler_stats.h"
#include "sched/scheduling_policy.h"

namespace kist {

/// Decides which channel writes next and how much, over all channels of one reactor. Core of all policies:
/// the four channel states, the pending channels, the wake-up time, counters. The policy (`kist`,
/// `kist-lite`, `vanilla`) does what happens inside a run. The heap of channels (best circuit first) exists
/// only inside a run: a run builds it from fresh keys and it is re-sifted on every change of a channel's best
/// circuit, so no order can go stale between runs.
///
/// States: kIdle (not writable, no cells), kWaitingForCells, kWaitingToWrite, kPending (both). A pending
/// channel can be parked: its limit left no room for one cell, so it is not asked again before it drained or
/// its back-off is over.
///
/// Runs: a timed run is due one interval after the start of the last timed one, so the first cell after a
/// quiet time is served in the next turn and under load the interval is the period. An early run (drain wake,
/// light wake) is due minRunGap after the end of the last run of any kind and does not move the timed ones. A
/// full wake is due at once: a queue of a channel that has room reached cellq_high, so its feeder stands
/// still, or many cells gathered for channels that have room. They pay for a run and would all go out in the
/// next one; waiting for the gap would cap a lone circuit at cellq_high cells per gap. A run cut short by
/// maxRun goes on in the next turn.
///
/// Called by: channels and switch (cells queued, writable, drained, closing), the reactor (run() when
/// nextWake() is due). Knows clock, TCP_INFO source and channels as interfaces only, so kernel, mock and
/// simulator run the same code. The clock must move during a run (not one that stands still for a loop turn),
/// or maxRun bounds nothing. Never frees a channel, never calls the control plane. A channel must be released
/// before it is freed, and not be freed inside a run.
class Scheduler {
 public:
  Scheduler(const Clock& clock, PriorityBase& base, TcpInfoSource& source, SchedulerConfig config,
            std::unique_ptr<SchedulingPolicy> policy);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// A circuit of `channel` became active, or its DESTROY queue or best circuit changed (cells dropped too):
  /// re-sifts a pending channel, makes a writable one pending, and asks for a light run where the rule
  /// allows. `newlyActive` may be null.
  void onCells(SchedulableChannel& channel, const CircuitQueue* newlyActive);
  /// The channel may write (it opened, or its outbuf fell under the low-water mark).
  void onWritable(SchedulableChannel& channel);
  /// The channel may not write any more (leaving the open state).
  void onNotWritable(SchedulableChannel& channel);
  /// The wake asked for by watchDrained().
  void onDrained(SchedulableChannel& channel);
  /// A circuit queue of the channel is so full that what feeds it is held up: asks for a full run where the
  /// rule allows.
  void onQueueHigh(SchedulableChannel& channel);
  /// A cell was queued on the channel, whether or not its circuit was active: enough of them ask for a full
  /// run.
  void onCellQueued(const SchedulableChannel& channel) {
    if (!channel.slot.hasRoom || ++cellsSinceRun_ < kFullRunCells) return;
    if (cellsSinceRun_ >= kFullRunCellsPerChannel * pending_.size()) fullWanted_ = config_.fullWake;
  }
  /// Forgets the channel, in any state, any number of times, also inside a run.
  void release(SchedulableChannel& channel);
  /// To be called after PriorityBase::setHalflife, which changes all keys.
  void onPrioritiesChanged();

  /// Time at which run() should next be called; kNever when nothing is pending.
  TimeNs nextWake() const;
  /// Does the run that is due at the clock's now, if one is.
  void run();

  /// Policy and figures can change while running, also inside a run; pending channels stay pending.
  void setPolicy(std::unique_ptr<SchedulingPolicy> policy);
  void setConfig(const SchedulerConfig& config);
  const SchedulerConfig& config() const { return config_; }
  const SchedulingPolicy& policy() const { return *policy_; }
  const SchedulerStats& stats() const { return stats_; }
  size_t pendingChannels() const { return pending_.size() + parked_.size(); }
  size_t parkedChannels() const { return parked_.size(); }
  /// Number of the current or last run; 0 before the first.
  uint64_t runNumber() const { return run_.number(); }
  RunKind runKind() const { return run_.kind(); }
  bool isRunning() const { return run_.isActive(); }
  /// Waiting time of a cell in its circuit queue, noted by the channel as it flushes.
  void noteQueueDelay(TimeNs delay) { stats_.queueDelayNs.add(delay < 0 ? 0 : static_cast<uint64_t>(delay)); }

 private:
  /// So many cells for channels with room pay for a run of their own: they would go out in the next one
  /// anyway, and more of them would leave the processor's caches before they are copied. Per pending channel
  /// enough for one large write.
  static constexpr uint64_t kFullRunCells = 512;
  static constexpr uint64_t kFullRunCellsPerChannel = 64;

  friend class SchedulerRun;

  void becomePending(SchedulableChannel& channel);
  void unlink(SchedulableChannel& channel);
  void unpark(SchedulableChannel& channel);
  void unparkAll();
  bool asksForLightRun(SchedulableChannel& channel, const CircuitQueue& circuit);
  TimeNs timedDue() const;
  TimeNs earlyDue() const;
  RunKind kindDue(TimeNs now) const;
  void installPolicy(std::unique_ptr<SchedulingPolicy> policy);

  const Clock& clock_;
  PriorityBase& base_;
  TcpInfoSource& source_;
  SchedulerConfig config_;
  std::unique_ptr<SchedulingPolicy> policy_;
  std::unique_ptr<SchedulingPolicy> nextPolicy_;  ///< Set inside a run, installed at its end.
  SchedulerStats stats_;
  PendingList pending_;
  ParkedHeap parked_;
  SchedulerRun run_;
  TimeNs lastTimedStart_;
  TimeNs lastRunEnd_;
  TimeNs drainAt_ = kNever;  ///< From when a drain run is wanted.
  bool lightWanted_ = false;
  bool fullWanted_ = false;
  uint64_t cellsSinceRun_ = 0;    ///< Queued on channels that had room in their last run.
  bool continues_ = false;        ///< The last run was cut short.
  ServedCircuit lightest_[2];     ///< Lightest two circuits that the last run served.
  uint64_t lightestRescale_ = 0;  ///< Rescales when they were noted: their counts are on that base.
};

}  // namespace kist
