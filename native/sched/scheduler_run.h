#pragma once

#include <vector>

#include "sched/pending_heap.h"
#include "sched/scheduler_config.h"
#include "sched/scheduler_stats.h"

namespace kist {

class PendingList;
class Scheduler;

/// A circuit that a run served, and its count afterwards. Only compared, never looked into: the circuit may
/// be gone.
struct ServedCircuit {
  const CircuitQueue* circuit = nullptr;
  double count = 0;
};

/// One run as its policy sees it: the channels that were pending when it began, the heap of those that may
/// still write, the channels served. Lives in the Scheduler and is used again for every run, so that a run
/// allocates nothing. A channel may be released at any moment of the run, also by itself inside flush or
/// writeOutbuf.
class SchedulerRun {
 public:
  enum class Outcome : uint8_t { kMoved, kNothing, kLeft };

  explicit SchedulerRun(Scheduler& scheduler) : scheduler_(scheduler) {}

  RunKind kind() const { return kind_; }
  TimeNs start() const { return start_; }
  uint64_t number() const { return number_; }
  bool isActive() const { return active_; }
  const SchedulerConfig& config() const;
  TcpInfoSource& source();
  SchedulerStats& stats();
  TimeNs interval() const;

  /// Channels of this run in the order of becoming pending; at() is null once its channel was released.
  size_t size() const { return batch_.size(); }
  SchedulableChannel* at(size_t index) const { return batch_[index]; }
  /// Channels that may still write; filled and emptied by the policy.
  PendingHeap& ready() { return ready_; }

  /// True when the run has lasted too long; asked once before each flush, it looks at the clock every 64
  /// times.
  bool isOver();
  /// Lets the channel move cells of its best circuit, as long as no other channel of ready() has a better
  /// one, and accounts for them. kLeft: it is not pending any more, or released.
  Outcome flush(SchedulableChannel& channel, uint64_t budget);
  /// Writes the outbuf of every channel served, in the order of first service, then of every other channel of
  /// the run whose outbuf is not empty.
  void writeOutbufs();
  /// The channel is not pending any more, for want of cells or of room in its outbuf. No effect when it was
  /// not.
  void leave(SchedulableChannel& channel, ChannelState state);
  /// No run looks at the channel before `until` or onDrained(). It stays pending.
  void park(SchedulableChannel& channel, TimeNs until);
  /// Asks for an early run for want of a drain event.
  void wakeForDrain(TimeNs at);

 private:
  friend class Scheduler;
  static constexpr uint32_t kTurnsPerClockRead = 64;

  void begin(const PendingList& pending, TimeNs start, RunKind kind);
  void end(ServedCircuit (&lightest)[2]);
  void forget(SchedulableChannel& channel);
  void withdraw(SchedulableChannel& channel);
  void onKeyChanged(SchedulableChannel& channel);
  void rebuildReady();
  void refreshRival();
  void noteCircuit(CircuitQueue& circuit);

  Scheduler& scheduler_;
  RunKind kind_ = RunKind::kTimed;
  TimeNs start_ = 0;
  uint64_t number_ = 0;
  uint32_t turns_ = 0;
  bool active_ = false;
  bool cutShort_ = false;
  std::vector<SchedulableChannel*> batch_;
  std::vector<SchedulableChannel*> served_;
  std::vector<ServedCircuit> circuits_;
  PendingHeap ready_;
  SchedulableChannel* current_ = nullptr;  ///< Being flushed.
  bool hasRival_ = false;
  PriorityKey rival_;
};

}  // namespace kist
